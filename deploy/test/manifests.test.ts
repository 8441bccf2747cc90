// The manifests as the overlays render them: against Kubernetes' schemas, and each reference against what it refers to.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { find, matches, portsOf, selects, type Manifest, type Selector, type Workload } from './manifests.js';
import { overlays } from './overlays.js';
import { invalid, unknownFields } from './schema.js';

/** The name has a hash of the content: another content is another name, and so a rollout. */
const hashed = /-[a-z0-9]{10}$/;

function checkReferences(manifests: readonly Manifest[], { name, pod, container }: Workload): void {
  const volumes = new Map((pod.volumes ?? []).map((volume) => [volume.name, volume]));
  const claims = find(manifests, 'StatefulSet', name)?.spec?.volumeClaimTemplates ?? [];
  for (const { name: volume, mountPath } of container.volumeMounts ?? []) {
    const there = volumes.has(volume) || claims.some(({ metadata }) => metadata.name === volume);
    assert.ok(there, `${name}: nothing is mounted at ${mountPath}`);
  }
  for (const { configMap, persistentVolumeClaim } of volumes.values()) {
    if (configMap) {
      assert.match(configMap.name, hashed);
      assert.ok(find(manifests, 'ConfigMap', configMap.name), configMap.name);
    }
    if (persistentVolumeClaim) {
      assert.ok(find(manifests, 'PersistentVolumeClaim', persistentVolumeClaim.claimName), name);
    }
  }
  for (const { configMapRef } of container.envFrom ?? []) {
    assert.match(configMapRef?.name ?? '', hashed);
    assert.ok(find(manifests, 'ConfigMap', configMapRef?.name ?? ''), configMapRef?.name);
  }
  const { serviceAccountName, priorityClassName } = pod;
  if (serviceAccountName) assert.ok(find(manifests, 'ServiceAccount', serviceAccountName), name);
  if (priorityClassName) assert.ok(find(manifests, 'PriorityClass', priorityClassName), name);
}

const rendered = overlays();
for (const { name: overlay, manifests, workloads } of rendered) {
  test(`${overlay}: every field is in the schemas, with a value that they allow`, async () => {
    assert.equal(await invalid(manifests), []);
    assert.equal(unknownFields(manifests), []);
  });

  test(`${overlay}: selectors select, references hold, nothing secret is in it`, () => {
    assert.not(manifests.some(({ kind }) => kind === 'Secret'));
    for (const { kind, metadata, spec } of manifests) {
      const name = `${kind} ${metadata.name}`;
      const clusterWide = ['Namespace', 'PriorityClass'].includes(kind);
      if (!clusterWide) assert.is(metadata.namespace, 'sortie', name);
      const template = spec?.template?.metadata.labels;
      // By which logs of all pods are asked for.
      if (template) assert.is(template['app.kubernetes.io/part-of'], 'sortie', name);
      if (template && spec.selector) assert.ok(selects(spec.selector, template), name);
      const selected = (selector: Selector | undefined): number =>
        workloads.filter((workload) => selects(selector, workload.labels)).length;
      if (kind === 'Service') {
        const behind = workloads.filter(({ labels }) => matches(spec?.selector, labels));
        assert.is(behind.length, 1, name);
        for (const { targetPort } of spec?.ports ?? []) {
          assert.ok(behind[0] && portsOf(behind[0].container).includes(targetPort), `${name} ${targetPort}`);
        }
      }
      if (kind === 'PodDisruptionBudget') assert.ok(selected(spec?.selector) >= 1, name);
      if (kind === 'NetworkPolicy' && metadata.name !== 'grpc-client') {
        assert.ok(selected(spec?.podSelector) > 0, name);
      }
      const target = spec?.scaleTargetRef;
      if (target) {
        const scaled = find(manifests, target.kind ?? 'Deployment', target.name);
        assert.ok(scaled, name);
        assert.is(scaled?.spec?.replicas, undefined, `${name} alone says how many`);
      }
      // Its pods have names of their own only under a Service without an address.
      if (kind === 'StatefulSet') {
        assert.is(find(manifests, 'Service', spec?.serviceName ?? '')?.spec?.clusterIP, 'None', name);
      }
    }
    for (const workload of workloads) checkReferences(manifests, workload);
  });
}

/** What may go wrong, and that it is found. */
const mistakes: [string, (text: string) => string, RegExp][] = [
  ['a field that does not exist', (text) => text.replace('"imagePullPolicy"', '"imagePullPolcy"'), /imagePullPolcy/],
  ['a word that is not allowed', (text) => text.replace('"IfNotPresent"', '"IfAbsent"'), /IfAbsent|imagePullPolicy/],
  ['a number where a text belongs', (text) => text.replace(/"image":"[^"]*"/, '"image":7'), /number|string/],
  ['a field that is missing', (text) => text.replace('"selector":{"matchLabels"', '"x":{"matchLabels"'), /selector/],
];
const gateway = rendered[0] && find(rendered[0].manifests, 'Deployment', 'gateway');
for (const [name, spoil, told] of gateway ? mistakes : []) {
  test(`the schemas find ${name}`, async () => {
    const deployment = JSON.stringify(gateway);
    const spoilt = JSON.parse(spoil(deployment)) as Manifest;
    assert.is.not(JSON.stringify(spoilt), deployment);
    assert.match([...(await invalid([spoilt])), ...unknownFields([spoilt])].join(), told);
  });
}

test.run();
