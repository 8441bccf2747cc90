// What the overlays come to: rendered by kubectl, read into what the checks ask about.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

export type Labels = Record<string, string>;

export interface Port {
  name: string;
  containerPort: number;
}

interface Probe {
  httpGet?: { path: string; port: string | number };
  grpc?: { port: number; service?: string };
  exec?: { command: string[] };
  periodSeconds?: number;
  failureThreshold?: number;
}

interface EnvironmentVariable {
  name: string;
  value?: string;
  valueFrom?: {
    secretKeyRef?: { name: string; key: string };
    resourceFieldRef?: { containerName: string; resource: string };
  };
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  env?: EnvironmentVariable[];
  envFrom?: { configMapRef?: { name: string } }[];
  ports?: Port[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop?: { exec?: { command: string[] } } };
  resources: { requests?: Labels; limits?: Labels };
  securityContext: {
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[]; add?: string[] };
    privileged?: boolean;
  };
  volumeMounts?: { name: string; mountPath: string }[];
}

export interface PodSpec {
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  terminationGracePeriodSeconds?: number;
  runtimeClassName?: string;
  hostNetwork?: boolean;
  priorityClassName?: string;
  tolerations?: unknown[];
  affinity?: unknown;
  topologySpreadConstraints?: { topologyKey: string; labelSelector: Selector }[];
  securityContext: {
    runAsNonRoot: boolean;
    runAsUser: number;
    runAsGroup: number;
    fsGroup?: number;
    seccompProfile: { type: string };
  };
  containers: Container[];
  initContainers?: Container[];
  volumes?: {
    name: string;
    emptyDir?: object;
    configMap?: { name: string };
    projected?: {
      defaultMode?: number;
      sources: { configMap?: { name: string }; secret?: { name: string; items?: { key: string; path: string }[] } }[];
    };
    secret?: { secretName: string; defaultMode?: number; items?: { key: string; path: string }[] };
    persistentVolumeClaim?: { claimName: string };
  }[];
}

export interface Selector {
  matchLabels?: Labels;
}

export interface PolicyPeer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string };
}
interface PolicyRule {
  from?: PolicyPeer[];
  to?: PolicyPeer[];
  ports?: { port: number; protocol: string }[];
}

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Labels };
  data?: Record<string, string>;
  /** Of a Role and of a RoleBinding. */
  rules?: unknown;
  roleRef?: { kind: string; name: string };
  subjects?: { kind: string; name: string }[];
  spec?: {
    selector?: Selector & Labels;
    template?: { metadata: { labels: Labels; annotations?: Record<string, string> }; spec: PodSpec };
    ports?: { name: string; port: number; targetPort: string }[];
    clusterIP?: string;
    publishNotReadyAddresses?: boolean;
    accessModes?: string[];
    podSelector?: Selector;
    policyTypes?: string[];
    ingress?: PolicyRule[];
    egress?: PolicyRule[];
    scaleTargetRef?: { kind?: string; name: string };
    triggers?: { type: string; metadata: Record<string, string> }[];
    minReplicas?: number;
    minReplicaCount?: number;
    minAvailable?: number;
    maxUnavailable?: number;
    volumeClaimTemplates?: { metadata: { name: string }; spec: { resources: { requests: Labels } } }[];
    serviceName?: string;
    replicas?: number;
    strategy?: unknown;
    ttlSecondsAfterFinished?: number;
    /** Of an Issuer and of a Certificate, cert-manager.io/v1. */
    selfSigned?: object;
    ca?: { secretName: string };
    isCA?: boolean;
    secretName?: string;
    commonName?: string;
    dnsNames?: string[];
    uris?: string[];
    usages?: string[];
    duration?: string;
    renewBefore?: string;
    privateKey?: { algorithm: string; rotationPolicy: string };
    issuerRef?: { name: string };
  };
}

/** A Deployment, StatefulSet or Job with its one container. */
export interface Workload {
  name: string;
  manifest: Manifest;
  labels: Labels;
  pod: PodSpec;
  container: Container;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One with Kustomize 5, which kubectl brings since 1.27; Debian's 1.20 does not know components. */
export function hasKubectl(): boolean {
  const { status, stdout } = spawnSync('kubectl', ['version', '--client', '--output=json'], { encoding: 'utf8' });
  return status === 0 && /"kustomizeVersion": "v([5-9]|\d\d)/.test(stdout);
}

/** An overlay as it is, or with its kustomization changed; and, if one is given, as the kustomization `around` it makes of it. */
export function render(
  overlay: string,
  change = (kustomization: string): string => kustomization,
  around?: string,
): Manifest[] {
  const work = mkdtempSync(join(tmpdir(), 'sortie-overlay-'));
  try {
    for (const part of ['base', 'components', 'overlays']) {
      cpSync(join(root, 'deploy', part), join(work, part), { recursive: true });
    }
    const path = join(work, 'overlays', overlay, 'kustomization.yaml');
    writeFileSync(path, change(readFileSync(path, 'utf8')));
    if (around !== undefined) {
      mkdirSync(join(work, 'overlays', 'around'));
      writeFileSync(join(work, 'overlays', 'around', 'kustomization.yaml'), around);
    }
    const top = join(work, 'overlays', around === undefined ? overlay : 'around');
    const text = execFileSync('kubectl', ['kustomize', top], { encoding: 'utf8' });
    return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  } finally {
    rmSync(work, { recursive: true });
  }
}

export const workloads = (manifests: readonly Manifest[]): Workload[] =>
  manifests.flatMap((manifest) => {
    const template = manifest.spec?.template;
    const [container] = template?.spec.containers ?? [];
    if (!template || !container) return [];
    return [
      { name: manifest.metadata.name, manifest, labels: template.metadata.labels, pod: template.spec, container },
    ];
  });

export const find = (manifests: readonly Manifest[], kind: string, name: string): Manifest | undefined =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);

/** Built here, rather than NATS or PostgreSQL. */
export const isOurs = ({ container }: Workload): boolean => container.image.includes('sortie-');

/** Ports that a container says it has, by name and number. */
export const portsOf = ({ ports = [] }: Container): (string | number)[] =>
  ports.flatMap(({ name, containerPort }) => [name, containerPort]);

/** Of a Service: labels alone. */
export const matches = (selector: Labels | undefined, labels: Labels): boolean =>
  Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);

/** Of everything else. What is not understood here must not be in it. */
export function selects(selector: Selector | undefined, labels: Labels): boolean {
  const odd = Object.keys(selector ?? {}).filter((key) => key !== 'matchLabels');
  if (odd.length > 0) throw new Error(`a selector with ${odd.join()}, which the checks do not understand`);
  return matches(selector?.matchLabels, labels);
}

/** Kubernetes' quantities, as far as they occur: cores, or bytes. */
export function quantity(text: string): number {
  const [, number = '', unit = ''] = /^([\d.]+)(m|Ki|Mi|Gi)?$/.exec(text) ?? [];
  const factor = { '': 1, m: 1e-3, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit];
  return Number(number || 'none') * (factor ?? Number.NaN);
}

/** Every variable of a container, with its value as far as it is known here. */
export function environmentOf(manifests: readonly Manifest[], container: Container): Map<string, string | null> {
  const variables = new Map<string, string | null>();
  for (const { configMapRef } of container.envFrom ?? []) {
    const data = find(manifests, 'ConfigMap', configMapRef?.name ?? '')?.data ?? {};
    for (const [name, value] of Object.entries(data)) variables.set(name, value);
  }
  for (const { name, value } of container.env ?? []) variables.set(name, value ?? null);
  return variables;
}
