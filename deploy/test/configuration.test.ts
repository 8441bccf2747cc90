// Configuration and secrets: what each container is given against what its program reads, file by file, key by key.
import { newIdentities } from '@sortie/common/identity/cluster';
import { newSecrets } from '@sortie/gateway/secrets/secrets';
import { engineSettings } from '@sortie/ingest/gpu/settings';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentOf, find, isOurs, type Manifest, type Workload } from './manifests.js';
import { overlays } from './overlays.js';
import { foreign, given, imageTargets, read, targetOf, variablesOf } from './programs.js';

const images = imageTargets();
/** The image, or the command that stands in for the image's own. */
const programOf = ({ container: { image, command } }: Workload): string => command?.[1] ?? targetOf(image);

/** Paths inside a container at which a file of a secret or of a ConfigMap lies. */
function filesOf(manifests: readonly Manifest[], { pod, container }: Workload): string[] {
  return (container.volumeMounts ?? []).flatMap(({ name, mountPath }) => {
    const { secret, projected, configMap: whole } = pod.volumes?.find((volume) => volume.name === name) ?? {};
    const configMap = whole ?? projected?.sources.find((source) => source.configMap)?.configMap;
    const paths =
      secret?.items?.map(({ path }) => path) ??
      Object.keys((configMap && find(manifests, 'ConfigMap', configMap.name)?.data) ?? {});
    return paths.map((path) => `${mountPath}/${path}`);
  });
}

for (const { name: overlay, manifests, workloads } of overlays()) {
  test(`${overlay}: every variable is read by its program, and every one that it needs is set`, () => {
    for (const workload of workloads.filter(isOurs)) {
      const { name, container } = workload;
      const program = programOf(workload);
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

  test(`${overlay}: the workers take their settings`, () => {
    for (const { name, container } of workloads.filter(
      ({ container }) => targetOf(container.image) === 'ingest-worker',
    )) {
      const set = [...environmentOf(manifests, container)].map(([key, value]) => [key, value ?? '1']);
      assert.not.throws(() => engineSettings(Object.fromEntries(set) as Record<string, string>), name);
    }
  });

  test(`${overlay}: addresses in the configuration are services`, () => {
    for (const { name, container } of workloads.filter(isOurs)) {
      for (const [variable, value] of environmentOf(manifests, container)) {
        if (!/_ADDRESS$|_NATS_URL$|_HOST$/.test(variable)) continue;
        const [, scheme, host = '', port = ''] = /^(dns:\/\/\/|tls:\/\/)?([a-z-]+):(\d+)$/.exec(value ?? '') ?? [];
        const service = find(manifests, 'Service', host)?.spec;
        const offered = service?.ports?.some((one) => one.port === Number(port));
        assert.ok(offered, `${name} ${variable} ${value ?? ''}`);
        // Calls go round all pods only when the name stands for each of them.
        if (variable.endsWith('_ADDRESS')) assert.equal([scheme, service?.clusterIP], ['dns:///', 'None'], name);
      }
    }
  });

  test(`${overlay}: files and folders in the configuration are mounted`, () => {
    for (const workload of workloads) {
      const { name, container } = workload;
      const files = filesOf(manifests, workload);
      const folders = (container.volumeMounts ?? []).map(({ mountPath }) => mountPath);
      for (const [variable, value] of environmentOf(manifests, container)) {
        if (variable.endsWith('_FILE')) assert.ok(files.includes(value ?? ''), `${name} ${variable} ${value ?? ''}`);
        if (variable.endsWith('_STORAGE') || variable.endsWith('_IDENTITY'))
          assert.ok(folders.includes(value ?? ''), `${name} ${variable}`);
      }
      for (const path of (container.args ?? []).filter((argument) => argument.startsWith('/'))) {
        assert.ok(files.includes(path), `${name} ${path}`);
      }
      // Mounted by Kubernetes together with the token, which the program reads there.
      const authority = environmentOf(manifests, container).get('NODE_EXTRA_CA_CERTS');
      if (name === 'make-secrets') {
        assert.is(authority, '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt');
        assert.match(read('gateway/src/secrets/main.ts'), '/var/run/secrets/kubernetes.io/serviceaccount/token');
      }
    }
  });

  test(`${overlay}: secrets that are asked for are those that are made, key by key`, async () => {
    const made = await newSecrets('postgres:5432');
    const asked = workloads.flatMap(({ pod, container }) => [
      ...(container.env ?? []).flatMap(({ valueFrom }) =>
        valueFrom?.secretKeyRef ? [[valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key] as const] : [],
      ),
      ...(pod.volumes ?? []).flatMap(({ secret }) =>
        (secret?.items ?? []).map(({ key }) => [secret?.secretName ?? '', key] as const),
      ),
      ...(pod.volumes ?? [])
        .flatMap(({ projected }) => projected?.sources ?? [])
        .flatMap(({ secret }) => (secret?.items ?? []).map(({ key }) => [secret?.name ?? '', key] as const)),
    ]);
    assert.ok(asked.length >= 3);
    const identities = Object.keys(await newIdentities());
    const documentation = read('deploy/README.md');
    for (const [name, key] of asked) {
      assert.ok(made[name]?.[key] !== undefined, `${name} ${key}`);
      // Where nobody makes them, the documentation says how.
      if (!overlay.startsWith('prod')) continue;
      const form = identities.includes(name)
        ? `sortie identities \\.\\n +for name in [^;]*${name}[ ;]`
        : `create secret generic ${name} [^\`]*${key.replace('.', '\\.')}`;
      assert.match(documentation, new RegExp(form));
    }
    assert.is(find(manifests, 'Job', 'make-secrets') !== undefined, !overlay.startsWith('prod'));
  });
}

test.run();
