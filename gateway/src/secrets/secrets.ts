// The secrets of a new installation, made once: a password for the administrator, the key that signs tokens, a password for
// the database, and how the programs know each other.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newIdentities } from '@sortie/common/identity/cluster';
import { saveUser } from '@sortie/common/users';

/** Where Kubernetes answers, and as whom. */
export interface Cluster {
  /** https://host:port */
  url: string;
  namespace: string;
  token: string;
}

export type Secret = Record<string, string | Buffer>;

const newPassword = (): string => randomBytes(18).toString('base64url');

/** By name. `databaseHost`: host:port. */
export async function newSecrets(databaseHost: string): Promise<Record<string, Secret>> {
  const adminPassword = newPassword();
  const databasePassword = newPassword();
  const directory = await mkdtemp(join(tmpdir(), 'secrets-'));
  try {
    const users = join(directory, 'users.json');
    await saveUser(users, { username: 'admin', role: 'administrator' }, adminPassword);
    return {
      'sortie-gateway': {
        'users.json': await readFile(users),
        'token.key': randomBytes(32),
        'admin-password': adminPassword,
      },
      'sortie-database': {
        password: databasePassword,
        url: `postgres://sortie:${databasePassword}@${databaseHost}/sortie`,
      },
      ...(await newIdentities()),
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** False when there is one of that name already; it stays as it is. */
export async function createSecret(cluster: Cluster, name: string, secret: Secret): Promise<boolean> {
  const data = Object.fromEntries(
    Object.entries(secret).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  const response = await fetch(`${cluster.url}/api/v1/namespaces/${cluster.namespace}/secrets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, labels: { 'app.kubernetes.io/part-of': 'sortie' } },
      type: 'Opaque',
      data,
    }),
  });
  if (response.status === 409) return false;
  if (!response.ok) {
    const { message = '' } = (await response.json().catch(() => ({}))) as { message?: string };
    throw new Error(`Kubernetes refused the secret ${name} with ${response.status}: ${message}`);
  }
  return true;
}
