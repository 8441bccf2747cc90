// Who may talk to whom: the arrows of the design and nothing else.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arrows } from './arrows.js';
import { find, type Manifest } from './manifests.js';
import { overlays } from './overlays.js';
import { read } from './programs.js';

const dns = (names: readonly string[]): string[] =>
  names.flatMap((name) => [`${name} -> cluster DNS:53`, `${name} -> cluster DNS:53/UDP`]);
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
  'make-secrets -> anybody:8443',
  'make-secrets -> other pod of kube-system:443',
];
const prod = [...core, 'job -> anybody:5432', 'nats -> nats:6222', 'keda -> job:9100'];
const expectedArrows: Record<string, string[]> = {
  dev,
  gpu: [...dev, ...perClass('worker-decode'), ...dns(['worker-decode'])],
  prod,
  'prod-gpu': [...prod, ...perClass('worker-decode'), ...dns(['worker-decode'])],
};

/** The table of deploy/README.md, as "from -> to:port" in its own words. */
function documented(): string[] {
  const table = /\| from +\| to +\| port \|\n\|[-| ]+\|\n((?:\|.*\|\n)+)/.exec(read('deploy/README.md'))?.[1] ?? '';
  return table
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [, from = '', to = '', ports = ''] = line.split('|').map((cell) => cell.trim());
      return from.split(/, (?![^(]*\))/).flatMap((one) => ports.split(', ').map((port) => `${one} -> ${to}:${port}`));
    });
}

const rendered = overlays();
for (const { name: overlay, manifests, workloads } of rendered) {
  test(`${overlay}: the network allows the arrows of the design and nothing else`, () => {
    assert.equal(arrows(manifests, workloads), [...(expectedArrows[overlay] ?? [])].sort());
    const deny = find(manifests, 'NetworkPolicy', 'default-deny')?.spec;
    assert.equal(deny, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });
}

test('the documentation names the arrows between the programs, and no other', () => {
  const words: Record<string, string> = {
    'grpc client': 'your own services',
    keda: 'KEDA (prod)',
    'make-secrets': 'make-secrets (dev, gpu)',
    monitoring: 'Prometheus',
    postgres: 'PostgreSQL',
  };
  const said = (arrow: string): string => {
    const [from = '', to = '', port = ''] = arrow.split(/ -> |:/);
    if (to === 'gateway' && port === '8080') return 'anybody -> gateway:8080';
    const target =
      port === '9100' && from === 'monitoring' ? 'all programs' : port === '5432' ? 'PostgreSQL' : (words[to] ?? to);
    const place = from === 'make-secrets' ? 'Kubernetes' : target;
    return `${from === 'nats' ? 'nats (prod)' : (words[from] ?? from)} -> ${place}:${port}`;
  };
  const named = [...dev, ...prod].filter((arrow) => !arrow.includes('cluster DNS')).map(said);
  assert.equal(documented().sort(), [...new Set(named)].sort());
});

if (rendered[0]) {
  const { manifests, workloads } = rendered[0];

  test('the arrows miss a policy that is gone', () => {
    const without = (name: string): Manifest[] =>
      manifests.filter(({ kind, metadata }) => kind !== 'NetworkPolicy' || metadata.name !== name);
    assert.not(arrows(without('worker'), workloads).includes('worker -> nats:4222'));
    assert.ok(arrows(without('default-deny'), workloads).length >= arrows(manifests, workloads).length);
    assert.ok(arrows([], workloads).includes('gateway -> postgres:5432'));
  });

  test('what the arrows do not understand in a policy is not passed over', () => {
    const policy = (spec: object): Manifest[] => [
      { apiVersion: 'v1', kind: 'NetworkPolicy', metadata: { name: 'odd' }, spec },
    ];
    const odd = [
      { podSelector: { matchExpressions: [] }, policyTypes: ['Ingress'] },
      { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 1, endPort: 9, protocol: 'TCP' }] }] },
      { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: [] } }] }] },
    ];
    for (const spec of odd) assert.throws(() => arrows(policy(spec), workloads), 'do not understand');
  });
}

test.run();
