// The manifests as the overlays render them, against Kubernetes' schemas and against what the programs say of themselves.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { newSecrets } from '@sortie/gateway/secrets/secrets';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arrows } from './arrows.js';
import {
  environmentOf,
  find,
  hasKubectl,
  matches,
  render,
  workloads,
  type Container,
  type Manifest,
  type Workload,
} from './manifests.js';
import { environmentReaders, imageTargets, read, sources, variablesOf } from './programs.js';
import { invalid, unknownFields } from './schema.js';

const images = imageTargets();

/** Variables of others that are set on purpose: NVIDIA's container toolkit, Node.js. */
const foreign = new Set(['NVIDIA_DRIVER_CAPABILITIES', 'NODE_EXTRA_CA_CERTS', 'NODE_ENV']);
/** Set by Kubernetes in every pod. */
const given = new Set(['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']);

test('only the programs themselves read the environment', () => {
  const known = new Set(Object.values(sources).flat());
  // The engine child gets the PATH of its parent and nothing else.
  known.add('services/ingest/src/engine/engine.ts');
  assert.equal(
    environmentReaders().filter((path) => !known.has(path)),
    [],
  );
});

test('every variable that a program reads is in the table of settings', () => {
  const documented = read('README.md');
  for (const program of ['gateway', 'job', 'ingest-api', 'ingest-worker']) {
    for (const name of variablesOf(program).all) {
      if (name.startsWith('SORTIE_')) assert.ok(documented.includes(`\`${name}\``), `${program} reads ${name}`);
    }
  }
});

test('an image for each program, and its listening addresses are what it exposes', () => {
  assert.equal([...images.keys()].sort(), ['gateway', 'ingest-api', 'ingest-worker', 'job']);
  for (const [name, { environment, exposed }] of images) {
    const listens = [...environment].filter(([key]) => key.endsWith('_LISTEN'));
    assert.equal(listens.map(([, address]) => Number(address.split(':').at(-1))).sort(), [...exposed].sort(), name);
    for (const key of environment.keys()) {
      assert.ok(variablesOf(name).all.has(key) || foreign.has(key), `${name} does not read ${key}`);
    }
  }
});

test('the build scripts know every workspace and every target', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
  const dockerfile = read('deploy/images/Dockerfile');
  const assemble = read('deploy/images/assemble');
  for (const workspace of workspaces) {
    assert.ok(dockerfile.includes(`COPY ${workspace}/package.json ${workspace}/`), workspace);
    for (const list of assemble.matchAll(/for folder in (.*); do/g)) {
      assert.ok(list[1]?.split(' ').includes(workspace), `${workspace} in deploy/images/assemble`);
    }
  }
  for (const name of images.keys()) assert.match(read('deploy/images/build'), new RegExp(`targets=\\(.*\\b${name}\\b`));
});

test('NATS takes its configuration', () => {
  for (const path of ['deploy/base/nats.conf', 'deploy/overlays/prod/nats.conf']) {
    const { stderr } = spawnSync(
      'nats-server',
      ['-t', '-c', fileURLToPath(new URL(`../../${path}`, import.meta.url))],
      {
        encoding: 'utf8',
        env: { ...process.env, POD_NAME: 'nats-0' },
      },
    );
    // Servers before 2.10 do not know this field yet; the manifests bring 2.10.
    if (/nats.conf:\d+:\d+: unknown field "sync_interval"/.test(stderr)) continue;
    assert.match(stderr, 'is valid', path);
  }
});

const programOf = ({ image, command }: Container): string =>
  command?.[1] ?? /sortie-([a-z-]+?)(?::|$)/.exec(image)?.[1] ?? '';
const isOurs = ({ container }: Workload): boolean => container.image.includes('sortie-');

function checkReferences(manifests: readonly Manifest[], { name, pod, container }: Workload): void {
  const volumes = new Map((pod.volumes ?? []).map((volume) => [volume.name, volume]));
  const claims = find(manifests, 'StatefulSet', name)?.spec?.volumeClaimTemplates ?? [];
  for (const { name: volume, mountPath } of container.volumeMounts ?? []) {
    const there = volumes.has(volume) || claims.some(({ metadata }) => metadata.name === volume);
    assert.ok(there, `${name}: nothing is mounted at ${mountPath}`);
  }
  for (const { configMap, persistentVolumeClaim } of volumes.values()) {
    if (configMap) assert.ok(find(manifests, 'ConfigMap', configMap.name), configMap.name);
    if (persistentVolumeClaim) {
      assert.ok(find(manifests, 'PersistentVolumeClaim', persistentVolumeClaim.claimName), name);
    }
  }
  for (const { configMapRef } of container.envFrom ?? []) {
    assert.match(configMapRef?.name ?? '', /-[a-z0-9]{10}$/, 'the name has a hash of the content');
    assert.ok(find(manifests, 'ConfigMap', configMapRef?.name ?? ''), configMapRef?.name);
  }
}

/** Ports that a container says it has, by name and number. */
const portsOf = ({ ports = [] }: Container): (string | number)[] =>
  ports.flatMap(({ name, containerPort }) => [name, containerPort]);

const dns = (names: readonly string[]): string[] => names.map((name) => `${name} -> cluster DNS:53`);
const perClass = (worker: string): string[] => [
  `${worker} -> job:7001`,
  `${worker} -> nats:4222`,
  `monitoring -> ${worker}:9100`,
];
/** The gateway takes anybody; who of our pods may leave for it is another matter. */
const toGateway = ['anybody', 'cluster DNS', 'other pod of kube-system', 'monitoring', 'keda', 'other namespace'].map(
  (name) => `${name} -> gateway:8080`,
);
const core = [
  ...toGateway,
  'gateway -> job:7001',
  'gateway -> ingest-api:7002',
  'ingest-api -> job:7001',
  'job -> nats:4222',
  'grpc client -> job:7001',
  ...dns(['gateway', 'job', 'ingest-api', 'nats', 'worker', 'grpc client', 'other pod']).filter(
    (arrow) => !/^(grpc client|other pod) /.test(arrow),
  ),
  'monitoring -> gateway:9100',
  'monitoring -> job:9100',
  'monitoring -> ingest-api:9100',
  ...perClass('worker'),
];
const dev = [
  ...core,
  'job -> postgres:5432',
  ...dns(['postgres', 'make-secrets']),
  'make-secrets -> anybody:443',
  'make-secrets -> anybody:6443',
  'make-secrets -> other pod of kube-system:443',
];
const prod = [...core, 'job -> anybody:5432', 'nats -> nats:6222', 'keda -> nats:8222'];
const expectedArrows: Record<string, string[]> = {
  dev,
  gpu: [...dev, ...perClass('worker-decode'), ...dns(['worker-decode'])],
  prod,
  'prod-gpu': [...prod, ...perClass('worker-decode'), ...dns(['worker-decode'])],
};

if (!hasKubectl()) {
  process.stdout.write('SKIPPED: the manifests are rendered and checked where kubectl is installed.\n');
} else {
  /** As the comment says: with the lines after it taken in. */
  const withGpus = (kustomization: string): string =>
    kustomization.replace(/^# (components:)\n# (.*components\/gpu)$/m, '$1\n$2');
  const variants = {
    dev: render('dev'),
    gpu: render('gpu'),
    prod: render('prod'),
    'prod-gpu': render('prod', withGpus),
  };
  for (const [overlay, manifests] of Object.entries(variants)) {
    const all = workloads(manifests);

    test(`${overlay}: every field is in the schemas, with a value that they allow`, async () => {
      assert.equal(await invalid(manifests), []);
      assert.equal(unknownFields(manifests), []);
    });

    test(`${overlay}: selectors select, references hold, nothing secret is in it`, () => {
      assert.is(find(manifests, 'Secret', ''), undefined);
      assert.not(manifests.some(({ kind }) => kind === 'Secret'));
      for (const { kind, metadata, spec } of manifests) {
        const name = `${kind} ${metadata.name}`;
        const clusterWide = ['Namespace', 'PriorityClass'].includes(kind);
        if (!clusterWide) assert.is(metadata.namespace, 'sortie', name);
        const template = spec?.template?.metadata.labels;
        if (template && spec.selector) assert.ok(matches(spec.selector.matchLabels, template), name);
        const selected = (labels: Record<string, string> | undefined): number =>
          all.filter((workload) => matches(labels, workload.labels)).length;
        if (kind === 'Service') {
          const behind = all.filter(({ labels }) => matches(spec?.selector, labels));
          assert.is(behind.length, 1, name);
          for (const { targetPort } of spec?.ports ?? []) {
            assert.ok(behind[0] && portsOf(behind[0].container).includes(targetPort), `${name} ${targetPort}`);
          }
        }
        if (kind === 'PodDisruptionBudget') assert.is(selected(spec?.selector?.matchLabels), 1, name);
        if (kind === 'NetworkPolicy' && metadata.name !== 'grpc-client') {
          assert.ok(selected(spec?.podSelector?.matchLabels) > 0, name);
        }
        const target = spec?.scaleTargetRef;
        if (target) {
          const scaled = find(manifests, target.kind ?? 'Deployment', target.name);
          assert.ok(scaled, name);
          assert.is(scaled?.spec?.replicas, undefined, `${name} alone says how many`);
        }
        if (kind === 'StatefulSet') assert.ok(find(manifests, 'Service', spec?.serviceName ?? ''), name);
      }
      for (const workload of all) checkReferences(manifests, workload);
    });

    test(`${overlay}: pods are restricted, and only one may talk to the cluster`, () => {
      for (const { name, pod, container } of all) {
        assert.is(pod.containers.length + (pod.initContainers?.length ?? 0), 1, name);
        assert.ok(pod.securityContext.runAsNonRoot && pod.securityContext.runAsUser > 0, name);
        assert.is(pod.securityContext.seccompProfile.type, 'RuntimeDefault', name);
        assert.equal([pod.hostNetwork, container.securityContext.privileged], [undefined, undefined], name);
        assert.equal(container.securityContext.capabilities, { drop: ['ALL'] }, name);
        assert.is(container.securityContext.allowPrivilegeEscalation, false, name);
        assert.is(container.securityContext.readOnlyRootFilesystem, true, name);
        assert.is(pod.automountServiceAccountToken, name === 'make-secrets', name);
        assert.ok(container.resources.requests?.['cpu'] && container.resources.limits?.['memory'], name);
      }
      const ours = all.filter(isOurs).filter(({ name }) => name !== 'make-secrets');
      for (const { name, pod } of ours) assert.is(pod.securityContext.runAsUser, 10_001, name);
    });

    test(`${overlay}: images have a target; ports, probes and the volume are those of the programs`, () => {
      for (const { name, pod, container, manifest } of all) {
        if (!isOurs({ name, pod, container, manifest, labels: {} })) continue;
        const target = images.get(/sortie-([a-z-]+?)(?::|$)/.exec(container.image)?.[1] ?? '');
        assert.ok(target, container.image);
        if (name === 'make-secrets') {
          assert.ok(existsSync(fileURLToPath(new URL(`../../${container.command?.[1] ?? ''}`, import.meta.url))));
          continue;
        }
        assert.equal(
          (container.ports ?? []).map(({ containerPort }) => containerPort).sort(),
          [...(target?.exposed ?? [])].sort(),
          name,
        );
        const usesStorage = (container.volumeMounts ?? []).some((mount) => mount.name === 'storage');
        assert.is(usesStorage, /ingest/.test(container.image), `${name}: storage`);
        // A segment is 4 s long.
        assert.ok((pod.terminationGracePeriodSeconds ?? 0) >= 30, name);
        if (!name.startsWith('worker')) assert.equal(container.lifecycle?.preStop?.exec?.command, ['sleep', '5'], name);
      }
      for (const { name, container } of all.filter((workload) => workload.name !== 'make-secrets')) {
        for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
          const probe = container[kind];
          assert.ok(probe, `${name} ${kind}`);
          const port = probe?.grpc?.port ?? probe?.httpGet?.port;
          if (port !== undefined) assert.ok(portsOf(container).includes(port), `${name} ${kind} ${port}`);
          if (probe?.grpc) assert.is(probe.grpc.service, kind === 'readinessProbe' ? undefined : 'liveness', name);
          if (probe?.httpGet && container.image.includes('sortie-')) {
            const path = { startupProbe: '/startupz', livenessProbe: '/livez', readinessProbe: '/readyz' }[kind];
            assert.equal([probe.httpGet.path, probe.httpGet.port], [path, 'metrics'], name);
          }
        }
        const startup = container.startupProbe;
        assert.ok((startup?.periodSeconds ?? 0) * (startup?.failureThreshold ?? 0) >= 60, `${name} has time to start`);
      }
    });

    test(`${overlay}: every variable is read by its program, and every one that it needs is set`, () => {
      for (const { name, container } of all.filter(isOurs)) {
        const program = programOf(container);
        const { all: readable, required } = variablesOf(program);
        assert.ok(readable.size > 0, `${name}: ${program}`);
        const set = environmentOf(manifests, container);
        for (const variable of set.keys()) {
          assert.ok(readable.has(variable) || foreign.has(variable), `${name} does not read ${variable}`);
        }
        const inImage = container.command ? undefined : images.get(program)?.environment;
        for (const variable of required) {
          assert.ok(set.has(variable) || inImage?.has(variable) || given.has(variable), `${name} needs ${variable}`);
        }
      }
    });

    test(`${overlay}: addresses in the configuration are services, and files are mounted`, () => {
      for (const { name, container } of all.filter(isOurs)) {
        for (const [variable, value] of environmentOf(manifests, container)) {
          const [, host = '', port = ''] = /^(?:dns:\/\/\/|nats:\/\/)([a-z-]+):(\d+)$/.exec(value ?? '') ?? [];
          if (/_ADDRESS$|_NATS_URL$/.test(variable)) {
            const service = find(manifests, 'Service', host);
            assert.ok(
              service?.spec?.ports?.some((offered) => offered.port === Number(port)),
              `${name} ${value ?? ''}`,
            );
          }
          if (/_FILE$|_STORAGE$/.test(variable)) {
            const mounts = container.volumeMounts ?? [];
            assert.ok(
              mounts.some(({ mountPath }) => value?.startsWith(mountPath)),
              `${name} ${value ?? ''}`,
            );
          }
        }
      }
    });

    test(`${overlay}: secrets that are asked for are those that are made, key by key`, async () => {
      const made = await newSecrets('postgres:5432');
      const asked = all.flatMap(({ pod, container }) => [
        ...(container.env ?? []).flatMap(({ valueFrom }) =>
          valueFrom?.secretKeyRef ? [[valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key] as const] : [],
        ),
        ...(pod.volumes ?? []).flatMap(({ secret }) =>
          (secret?.items ?? []).map(({ key }) => [secret?.secretName ?? '', key] as const),
        ),
      ]);
      assert.ok(asked.length >= 3);
      const documentation = read('deploy/README.md');
      for (const [name, key] of asked) {
        assert.ok(made[name]?.[key] !== undefined, `${name} ${key}`);
        // Where nobody makes them, the documentation says how.
        if (overlay === 'prod')
          assert.match(documentation, new RegExp(`create secret generic ${name} [^\`]*${key.replace('.', '\\.')}`));
      }
      assert.is(find(manifests, 'Job', 'make-secrets') !== undefined, !overlay.startsWith('prod'));
    });

    test(`${overlay}: the network allows the arrows of the design and nothing else`, () => {
      assert.equal(arrows(manifests, all), [...(expectedArrows[overlay] ?? [])].sort());
    });
  }

  /** What may go wrong, and that it is found. */
  const mistakes: [string, (text: string) => string, RegExp][] = [
    ['a field that does not exist', (text) => text.replace('"imagePullPolicy"', '"imagePullPolcy"'), /imagePullPolcy/],
    ['a word that is not allowed', (text) => text.replace('"IfNotPresent"', '"IfAbsent"'), /IfAbsent|imagePullPolicy/],
    ['a number where a text belongs', (text) => text.replace(/"image":"[^"]*"/, '"image":7'), /number|string/],
    ['a field that is missing', (text) => text.replace('"selector":{"matchLabels"', '"x":{"matchLabels"'), /selector/],
  ];
  for (const [name, spoil, told] of mistakes) {
    test(`the schemas find ${name}`, async () => {
      const deployment = JSON.stringify(find(render('dev'), 'Deployment', 'gateway'));
      const spoilt = JSON.parse(spoil(deployment)) as Manifest;
      assert.is.not(JSON.stringify(spoilt), deployment);
      assert.match([...(await invalid([spoilt])), ...unknownFields([spoilt])].join(), told);
    });
  }

  test('the arrows miss a policy that is gone', () => {
    const manifests = render('dev');
    const without = (name: string): Manifest[] =>
      manifests.filter(({ kind, metadata }) => kind !== 'NetworkPolicy' || metadata.name !== name);
    const all = workloads(manifests);
    assert.not(arrows(without('worker'), all).includes('worker -> nats:4222'));
    assert.ok(arrows(without('default-deny'), all).length >= arrows(manifests, all).length);
    assert.ok(arrows([], all).includes('gateway -> postgres:5432'));
  });

  test('gpu: the whole class of needs of a container that uses NVENC', () => {
    const manifests = render('gpu');
    const classes = workloads(manifests).filter(({ name }) => name.startsWith('worker'));
    assert.equal(classes.map(({ name }) => name).sort(), ['worker', 'worker-decode']);
    for (const { name, pod, container } of classes) {
      assert.is(pod.runtimeClassName, 'nvidia', name);
      assert.is(container.resources.limits?.['nvidia.com/gpu'], '1', name);
      const environment = environmentOf(manifests, container);
      assert.is(environment.get('NVIDIA_DRIVER_CAPABILITIES'), 'compute,video,utility', name);
      assert.is(environment.get('SORTIE_ENGINE'), 'gpu', name);
      assert.ok((container.startupProbe?.failureThreshold ?? 0) * 2 >= 300, 'CUDA may take its time');
    }
    const chips = classes.map(({ manifest }) => /"operator":"(\w+)","values":(\[.*?\])/.exec(JSON.stringify(manifest)));
    assert.equal(chips.map((found) => found?.[1]).sort(), ['In', 'NotIn']);
    assert.is(chips[0]?.[2], chips[1]?.[2], 'each chip has its class');
  });

  test('prod: KEDA asks for the stream and the consumer that there are', () => {
    const trigger = find(render('prod'), 'ScaledObject', 'worker')?.spec?.triggers?.[0];
    const nats = read('services/common/src/nats.ts');
    assert.match(nats, `const stream = '${trigger?.metadata['stream'] ?? ''}'`);
    assert.match(nats, `const workers = '${trigger?.metadata['consumer'] ?? ''}'`);
    assert.is(trigger?.metadata['natsServerMonitoringEndpoint'], 'nats.sortie.svc.cluster.local:8222');
  });
}

test.run();
