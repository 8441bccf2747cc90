// What each pod is allowed, where it may write, and how it is asked how it is: against the programs and their images.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { find, isOurs, portsOf, quantity, type Workload } from './manifests.js';
import { overlays } from './overlays.js';
import { imageTargets, read, targetOf, uid } from './programs.js';

const images = imageTargets();

/** Where a program writes besides its own storage; everything else of its root is read-only. */
const scratch = ({ name }: Workload): string[] =>
  ({ nats: [], postgres: ['/tmp', '/var/run/postgresql'] })[name] ?? ['/tmp'];

const workerDrain = Number(/SORTIE_DRAIN_SECONDS=(\d+)/.exec(read('deploy/base/kustomization.yaml'))?.[1]);

/** How long a program that was told to go lets others finish, as its source has it, seconds. */
function drainOf(name: string): number {
  if (name.startsWith('worker')) return workerDrain;
  const source = { gateway: 'gateway/src/main.ts', 'ingest-api': 'services/ingest/src/api.ts' }[name];
  return source === undefined ? 0 : Number(/stopMs = ([\d_]+)/.exec(read(source))?.[1]?.replaceAll('_', '')) / 1000;
}

for (const { name: overlay, manifests, workloads } of overlays()) {
  test(`${overlay}: pods are restricted, and only one may talk to the cluster`, () => {
    const labels = find(manifests, 'Namespace', 'sortie')?.metadata.labels ?? {};
    assert.is(labels['pod-security.kubernetes.io/enforce'], 'restricted');
    for (const { name, pod, container } of workloads) {
      assert.is(pod.containers.length, 1, name);
      // Only the Job service has a step before its start.
      const before = pod.initContainers ?? [];
      assert.equal(before.map((step) => step.name), name === 'job' ? ['migrate'] : [], name); // prettier-ignore
      for (const step of before) {
        assert.is(step.image, container.image, name);
        assert.equal(step.securityContext, container.securityContext, name);
        assert.equal([step.envFrom, step.env], [container.envFrom, container.env], name);
        assert.ok(existsSync(fileURLToPath(new URL(`../../${step.command?.[1] ?? ''}`, import.meta.url))), name);
      }
      assert.ok(pod.securityContext.runAsNonRoot && pod.securityContext.runAsUser > 0, name);
      assert.is(pod.securityContext.seccompProfile.type, 'RuntimeDefault', name);
      assert.equal([pod.hostNetwork, container.securityContext.privileged], [undefined, undefined], name);
      assert.equal(container.securityContext.capabilities, { drop: ['ALL'] }, name);
      assert.is(container.securityContext.allowPrivilegeEscalation, false, name);
      assert.is(container.securityContext.readOnlyRootFilesystem, true, name);
      assert.is(pod.automountServiceAccountToken, name === 'make-secrets', name);
    }
  });

  test(`${overlay}: the one that may talk to the cluster may create secrets, neither read nor change any`, () => {
    const roles = manifests.filter(({ kind }) => /Role$/.test(kind));
    const bindings = manifests.filter(({ kind }) => /RoleBinding$/.test(kind));
    assert.is(bindings.length, roles.length);
    for (const { metadata, kind, rules } of roles) {
      assert.equal([kind, metadata.name], ['Role', 'make-secrets']);
      assert.equal(rules, [{ apiGroups: [''], resources: ['secrets'], verbs: ['create'] }]);
    }
    for (const { roleRef, subjects } of bindings) {
      assert.equal([roleRef?.kind, roleRef?.name], ['Role', 'make-secrets']);
      assert.equal(
        subjects?.map(({ kind, name }) => [kind, name]),
        [['ServiceAccount', 'make-secrets']],
      );
    }
    for (const { name, pod } of workloads) {
      assert.is(pod.serviceAccountName, name === 'make-secrets' ? 'make-secrets' : undefined, name);
    }
    // A Job cannot be changed: it makes room for the next one by itself.
    const job = find(manifests, 'Job', 'make-secrets');
    if (job) assert.ok((job.spec?.ttlSecondsAfterFinished ?? Infinity) <= 300);
  });

  test(`${overlay}: what is written to is mounted, and belongs to the group that writes`, () => {
    for (const workload of workloads) {
      const { name, pod, container } = workload;
      const volumes = new Map((pod.volumes ?? []).map((volume) => [volume.name, volume]));
      const empty = (container.volumeMounts ?? []).filter((mount) => volumes.get(mount.name)?.emptyDir);
      assert.equal(empty.map(({ mountPath }) => mountPath).sort(), scratch(workload).sort(), name);
      const { runAsUser, runAsGroup, fsGroup } = pod.securityContext;
      if (isOurs(workload)) assert.is(runAsUser, uid, name);
      assert.equal([runAsGroup, fsGroup], [runAsUser, runAsUser], name);
      // Secrets are read by the group only.
      for (const { secret } of volumes.values()) if (secret) assert.is(secret.defaultMode, 0o440, name);
    }
  });

  test(`${overlay}: each asks for no more than its limit, and its threads are those that it may use`, () => {
    for (const { name, container } of workloads) {
      const { requests = {}, limits = {} } = container.resources;
      assert.ok(requests['cpu'] && requests['memory'] && limits['memory'], name);
      for (const [resource, limit] of Object.entries(limits)) {
        assert.ok(quantity(requests[resource] ?? '0') <= quantity(limit), `${name}: ${resource}`);
      }
      const threads = container.env?.find((variable) => variable.name === 'SORTIE_THREADS')?.valueFrom;
      if (name.startsWith('worker')) {
        assert.equal(threads?.resourceFieldRef, { containerName: container.name, resource: 'limits.cpu' }, name);
        assert.ok(limits['cpu'], name);
      }
    }
  });

  test(`${overlay}: images have a target; ports and the volume are those of the programs`, () => {
    for (const { name, pod, container, manifest } of workloads.filter(isOurs)) {
      const target = images.get(targetOf(container.image));
      assert.ok(target, container.image);
      if (name === 'make-secrets') {
        assert.ok(existsSync(fileURLToPath(new URL(`../../${container.command?.[1] ?? ''}`, import.meta.url))));
        continue;
      }
      const ports = (container.ports ?? []).map(({ containerPort }) => containerPort);
      assert.equal(ports.sort(), [...target.exposed].sort(), name);
      const scraped = manifest.spec?.template?.metadata.annotations ?? {};
      assert.is(scraped['prometheus.io/scrape'], 'true', name);
      const metrics = container.ports?.find((port) => port.name === 'metrics')?.containerPort;
      assert.is(Number(scraped['prometheus.io/port']), metrics, name);
      assert.is(target.environment.get('SORTIE_METRICS_LISTEN'), `0.0.0.0:${metrics ?? 0}`, name);
      const usesStorage = (container.volumeMounts ?? []).some((mount) => mount.name === 'storage');
      assert.is(usesStorage, /ingest/.test(container.image), `${name}: storage`);
      const grace = pod.terminationGracePeriodSeconds ?? 0;
      assert.ok(grace >= 30, name);
      const wait = container.lifecycle?.preStop?.exec?.command;
      assert.equal(wait, name.startsWith('worker') ? undefined : ['sleep', '5'], name);
      assert.ok(grace > Number(wait?.[1] ?? 0) + drainOf(name) + 5, `${name} is killed while it lets others finish`);
    }
  });

  test(`${overlay}: liveness asks the process alone, readiness what it needs`, () => {
    for (const { name, container } of workloads.filter((workload) => workload.name !== 'make-secrets')) {
      for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
        const probe = container[kind];
        assert.ok(probe, `${name} ${kind}`);
        const port = probe.grpc?.port ?? probe.httpGet?.port;
        if (port !== undefined) assert.ok(portsOf(container).includes(port), `${name} ${kind} ${port}`);
        if (probe.grpc) assert.is(probe.grpc.service, kind === 'readinessProbe' ? undefined : 'liveness', name);
        if (probe.httpGet && container.image.includes('sortie-')) {
          const path = { startupProbe: '/startupz', livenessProbe: '/livez', readinessProbe: '/readyz' }[kind];
          assert.equal([probe.httpGet.path, probe.httpGet.port], [path, 'metrics'], name);
        }
      }
      const startup = container.startupProbe;
      assert.ok((startup?.periodSeconds ?? 0) * (startup?.failureThreshold ?? 0) >= 60, `${name} has time to start`);
    }
  });
}

test.run();
