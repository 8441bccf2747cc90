// The configuration of NATS against the containers, volumes and services that it is made for.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { newIdentities } from '@sortie/common/identity/cluster';
import { natsServer } from '@sortie/common/testing/nats';
import { environmentOf, find, quantity, type Manifest } from './manifests.js';
import { overlays } from './overlays.js';
import { read } from './programs.js';

const syncs = /^ {2}sync_interval: always\n/m;

for (const path of ['deploy/base/nats.conf', 'deploy/overlays/prod/nats.conf']) {
  test(`nats-server takes ${path}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sortie-nats-conf-'));
    // Servers before 2.10 do not know this field yet; the manifests bring 2.12.
    const text = read(path).replace(syncs, '').replaceAll('/etc/nats/', `${directory}/`);
    try {
      writeFileSync(join(directory, 'nats.conf'), text);
      const { 'sortie-nats': accounts, 'sortie-tls': certificates } = await newIdentities();
      writeFileSync(join(directory, 'authorization.conf'), accounts['authorization.conf'] ?? '');
      for (const [file, key] of [['tls.crt', 'nats.crt'], ['tls.key', 'nats.key'], ['ca.crt', 'ca.crt']] as const) writeFileSync(join(directory, file), certificates[key] ?? ''); // prettier-ignore
      const env = { ...process.env, POD_NAME: 'nats-0' };
      const { stderr } = spawnSync(natsServer, ['-t', '-c', join(directory, 'nats.conf')], {
        encoding: 'utf8',
        env,
      });
      assert.match(stderr, 'is valid');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

/** The nats.conf that the pods get. */
function configOf(manifests: readonly Manifest[]): string {
  const template = find(manifests, 'StatefulSet', 'nats')?.spec?.template;
  const sources = template?.spec.volumes?.flatMap(({ projected }) => projected?.sources ?? []);
  const name = sources?.find(({ configMap }) => configMap)?.configMap?.name ?? '';
  return find(manifests, 'ConfigMap', name)?.data?.['nats.conf'] ?? '';
}

const valueOf = (config: string, key: string): string => new RegExp(`^ *${key}: (\\S+)$`, 'm').exec(config)?.[1] ?? '';

for (const { name: overlay, manifests, workloads } of overlays()) {
  const config = configOf(manifests);
  const nats = workloads.find(({ name }) => name === 'nats');
  const set = find(manifests, 'StatefulSet', 'nats')?.spec;

  test(`${overlay}: NATS listens where its container says, and stores where its volume is`, () => {
    assert.ok(nats && set);
    const port = (name: string): number | undefined =>
      nats.container.ports?.find((offered) => offered.name === name)?.containerPort;
    assert.is(Number(/^port: (\d+)$/m.exec(config)?.[1]), port('client'));
    assert.is(Number(valueOf(config, 'http_port')), port('monitor'));
    assert.is(Number(/cluster \{[^}]*port: (\d+)/.exec(config)?.[1] ?? Number.NaN) || undefined, port('cluster'));
    const data = set.volumeClaimTemplates?.[0];
    assert.ok(data);
    assert.is(
      valueOf(config, 'store_dir'),
      nats.container.volumeMounts?.find(({ name }) => name === data.metadata.name)?.mountPath,
    );
    const room = quantity(data.spec.resources.requests['storage'] ?? '');
    assert.ok(quantity(valueOf(config, 'max_file_store')) < room, 'the volume has room for the store');
    const memory = quantity(nats.container.resources.limits?.['memory'] ?? '');
    assert.ok(quantity(valueOf(config, 'max_memory_store')) < memory / 2);
    // Names are those of the pods; probes and sync_interval are of 2.10.
    const variable = valueOf(config, 'server_name').replace('$', '');
    assert.ok(environmentOf(manifests, nats.container).has(variable), variable);
    assert.match(nats.container.image, /nats:2\.1\d/);
  });

  test(`${overlay}: as many servers as there are copies of the queue, each on a host of its own`, () => {
    const job = workloads.find(({ name }) => name === 'job');
    assert.ok(nats && set && job);
    const servers = set.replicas ?? 1;
    const copies = Number(environmentOf(manifests, job.container).get('SORTIE_NATS_REPLICAS') ?? 1);
    assert.equal([servers, copies], overlay.startsWith('prod') ? [3, 3] : [1, 1]);
    // They are named as DNS names the pods of a StatefulSet, and found before they are ready.
    const routes = [...config.matchAll(/nats-route:\/\/(\S+)/g)].map(([, route]) => route);
    const named =
      servers === 1 ? [] : Array.from({ length: servers }, (_, index) => `nats-${index}.${set.serviceName ?? ''}:6222`);
    assert.equal(routes, named);
    assert.is(find(manifests, 'Service', set.serviceName ?? '')?.spec?.publishNotReadyAddresses, true);
    if (servers === 1) return;
    assert.match(config, /jetstream \{[^}]*\n {2}sync_interval: always\n/);
    assert.equal(nats.pod.affinity, {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'nats' } },
          },
        ],
      },
    });
  });
}

test.run();
