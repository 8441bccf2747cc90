// Who may talk to whom, as the network policies have it. A connection needs the leave of both ends; a pod that no policy
// selects may do what it likes (networking.k8s.io/v1, NetworkPolicy).
import { selects, type Labels, type Manifest, type PolicyPeer, type Workload } from './manifests.js';

interface Place {
  name: string;
  /** Null outside of the cluster. */
  namespace: string | null;
  labels: Labels;
  /** Ports that are asked about: of TCP, or as `53/UDP`. */
  ports: readonly (number | string)[];
}

const namespace = 'sortie';

/** Besides the workloads themselves: what stands around them. */
const surroundings: readonly Place[] = [
  { name: 'anybody', namespace: null, labels: {}, ports: [53, 80, 443, 4222, 5432, 6443, 7001, 8443, '53/UDP'] },
  { name: 'cluster DNS', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' }, ports: [53, 80, '53/UDP'] },
  { name: 'other pod of kube-system', namespace: 'kube-system', labels: {}, ports: [53, 443, 5432] },
  { name: 'monitoring', namespace: 'monitoring', labels: {}, ports: [80] },
  { name: 'keda', namespace: 'keda', labels: {}, ports: [80] },
  { name: 'other namespace', namespace: 'other', labels: {}, ports: [80, 5432, 7001] },
  { name: 'grpc client', namespace, labels: { 'sortie/grpc-client': 'true' }, ports: [80] },
  { name: 'other pod', namespace, labels: { 'app.kubernetes.io/name': 'other' }, ports: [80, 7001] },
];

/** What is not understood here must not be in a policy. */
function known(part: object, fields: readonly string[]): void {
  const odd = Object.keys(part).filter((key) => !fields.includes(key));
  if (odd.length > 0) throw new Error(`a network policy with ${odd.join()}, which the checks do not understand`);
}

function isPeer(peer: PolicyPeer, place: Place): boolean {
  known(peer, ['podSelector', 'namespaceSelector', 'ipBlock']);
  if (peer.ipBlock) {
    known(peer.ipBlock, ['cidr']);
    return place.namespace === null;
  }
  if (place.namespace === null) return false;
  const inNamespace = peer.namespaceSelector
    ? selects(peer.namespaceSelector, { 'kubernetes.io/metadata.name': place.namespace })
    : place.namespace === namespace;
  return inNamespace && selects(peer.podSelector, place.labels);
}

function allowed(
  policies: readonly Manifest[],
  at: Place,
  type: 'Ingress' | 'Egress',
  other: Place,
  port: number | string,
): boolean {
  if (at.namespace !== namespace) return true;
  const selecting = policies.filter(
    ({ spec }) => spec?.policyTypes?.includes(type) && selects(spec.podSelector, at.labels),
  );
  if (selecting.length === 0) return true;
  return selecting.some(({ spec }) =>
    (type === 'Ingress' ? spec?.ingress : spec?.egress)?.some((rule) => {
      known(rule, ['ports', type === 'Ingress' ? 'from' : 'to']);
      const peers = type === 'Ingress' ? rule.from : rule.to;
      const ports = rule.ports?.map((wanted) => {
        known(wanted, ['port', 'protocol']);
        return wanted.protocol === 'TCP' ? wanted.port : `${wanted.port}/${wanted.protocol}`;
      });
      return (!peers || peers.some((peer) => isPeer(peer, other))) && (!ports || ports.includes(port));
    }),
  );
}

/** "from -> to:port", sorted; between places of which at least one is ours. */
export function arrows(manifests: readonly Manifest[], workloads: readonly Workload[]): string[] {
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
  const every = [...new Set(workloads.flatMap(({ container }) => (container.ports ?? []).map((p) => p.containerPort)))];
  const ours: Place[] = workloads.map(({ name, labels }) => ({ name, namespace, labels, ports: [...every, 80] }));
  const found: string[] = [];
  for (const from of [...ours, ...surroundings]) {
    for (const to of [...ours, ...surroundings]) {
      if (!ours.includes(from) && !ours.includes(to)) continue;
      if (from === to && from.namespace === null) continue;
      for (const port of to.ports) {
        if (allowed(policies, from, 'Egress', to, port) && allowed(policies, to, 'Ingress', from, port)) {
          found.push(`${from.name} -> ${to.name}:${port}`);
        }
      }
    }
  }
  return found.sort();
}
