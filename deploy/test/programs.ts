// What the programs themselves say: which variables they read, what their images listen on.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** By image, or by the command that stands in for an image's own: the sources that read its environment. */
export const sources: Record<string, readonly string[]> = {
  gateway: ['gateway/src/main.ts', 'gateway/src/settings/settings.ts', 'gateway/src/oidc/settings.ts'],
  job: [
    'services/job/src/main.ts',
    'services/job/src/migrate-main.ts',
    'services/job/src/limits.ts',
    'services/common/src/grpc.ts',
  ],
  'ingest-api': ['services/ingest/src/api-main.ts', 'services/ingest/src/limits.ts', 'services/common/src/grpc.ts'],
  'ingest-worker': [
    'services/ingest/src/worker-main.ts',
    'services/ingest/src/gpu/settings.ts',
    'services/ingest/src/worker/limits.ts',
  ],
  'gateway/dist/secrets/main.js': ['gateway/src/secrets/main.ts'],
};

export interface Variables {
  all: Set<string>;
  required: Set<string>;
}

export function variablesOf(program: string): Variables {
  const text = (sources[program] ?? []).map(read).join('\n');
  const names = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, one, other]) => one ?? other ?? '');
  const required = names(/required\(env, '(\w+)'\)/g);
  return {
    all: new Set([...required, ...names(/env\['(\w+)'\]|limitOf\(env, '(\w+)'/g)]),
    required: new Set(required),
  };
}

/** Sources of the services and the gateway, without tests and benchmarks, that mention the environment. */
export const environmentReaders = (): string[] =>
  ['gateway/src', 'services/common/src', 'services/job/src', 'services/ingest/src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((path) => path.endsWith('.ts') && !/\.test\.ts$|\/(testing|bench)\//.test(path))
      .filter((path) => /process\.env|\benv\[|\blimitOf\(env/.test(read(path))),
  );

/** The user of all our programs, in images and manifests. */
export const uid = 10_001;

/** Variables of others that are set on purpose: NVIDIA's container toolkit, Node.js. */
export const foreign = new Set(['NVIDIA_DRIVER_CAPABILITIES', 'NODE_EXTRA_CA_CERTS', 'NODE_ENV']);
/** Set by Kubernetes in every pod. */
export const given = new Set(['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']);

export interface ImageTarget {
  environment: Map<string, string>;
  exposed: number[];
  user: string;
}

/** The target that an image is built from, by its name. */
export const targetOf = (image: string): string => /sortie-([a-z-]+?)(?::|$)/.exec(image)?.[1] ?? '';

/** Final stages of the Dockerfile, with what they inherit from the stage `runtime`. */
export function imageTargets(): Map<string, ImageTarget> {
  const stages = new Map<string, ImageTarget>();
  for (const part of read('deploy/images/Dockerfile')
    .split(/^FROM /m)
    .slice(1)) {
    const [, from = '', name = ''] = /^(\S+) AS (\S+)/.exec(part) ?? [];
    const inherited = stages.get(from);
    const environment = new Map(inherited?.environment);
    for (const [, line = ''] of part.matchAll(/^ENV (.*)$/gm)) {
      for (const [, key = '', value = ''] of line.matchAll(/\b(\w{1,100})=(\S+)/g)) environment.set(key, value);
    }
    const exposed = [...part.matchAll(/^EXPOSE (\d+)$/gm)].map(([, port]) => Number(port));
    const user = /^USER (\S+)$/m.exec(part)?.[1] ?? inherited?.user ?? '';
    stages.set(name, { environment, exposed: [...(inherited?.exposed ?? []), ...exposed], user });
  }
  for (const name of ['debian', 'build', 'runtime']) stages.delete(name);
  return stages;
}
