// The secrets of a new installation, as a cluster's API gets them.
import { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import { openIdentity, type Identity } from '@sortie/common/identity/identity';
import { Users } from '@sortie/common/users';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Tokens } from '../arcgis/tokens.js';
import { createSecret, newSecrets } from './secrets.js';

interface Posted {
  path: string;
  authorization: string;
  document: { kind: string; metadata: { name: string }; data: Record<string, string> };
}

const it = suite<{ server: Server; posted: Posted[]; status: number; url: string }>('secrets');

it.before(async (context) => {
  context.posted = [];
  context.status = 201;
  context.server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      context.posted.push({
        path: `${request.method ?? ''} ${request.url ?? ''}`,
        authorization: request.headers.authorization ?? '',
        document: JSON.parse(Buffer.concat(chunks).toString()) as Posted['document'],
      });
      response.writeHead(context.status).end('{"message":"the reason"}');
    });
  });
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  context.url = `http://127.0.0.1:${(context.server.address() as AddressInfo).port}`;
});
it.after(({ server }) => {
  server.close();
});

it('what is made lets the administrator in, signs tokens, and opens the database', async (context) => {
  const cluster = { url: context.url, namespace: 'here', token: 't0ken' };
  const secrets = await newSecrets('postgres:5432');
  assert.equal(Object.keys(secrets), [
    'sortie-gateway',
    'sortie-database',
    'sortie-tls',
    'sortie-statement',
    'sortie-nats',
  ]);
  for (const [name, secret] of Object.entries(secrets)) assert.ok(await createSecret(cluster, name, secret));
  assert.is(context.posted[0]?.path, 'POST /api/v1/namespaces/here/secrets');
  assert.is(context.posted[0]?.authorization, 'Bearer t0ken');
  const data = (name: string, key: string): Buffer =>
    Buffer.from(
      context.posted.find(({ document }) => document.metadata.name === name)?.document.data[key] ?? '',
      'base64',
    );
  const directory = await mkdtemp(join(tmpdir(), 'sortie-secrets-'));
  try {
    await writeFile(join(directory, 'users.json'), data('sortie-gateway', 'users.json'));
    const users = new Users(join(directory, 'users.json'));
    const user = await users.check('admin', data('sortie-gateway', 'admin-password').toString());
    assert.is(user?.role, 'administrator');
    assert.not.throws(() => new Tokens(() => [data('sortie-gateway', 'token.key')]));
    const url = new URL(data('sortie-database', 'url').toString());
    assert.is(url.password, data('sortie-database', 'password').toString());
    assert.is(url.host, 'postgres:5432');
    // What the pods of the gateway and of the Job service get of the rest, by the files of their volumes.
    const holder = async (name: string, statement: string): Promise<Identity> => {
      const own = await mkdtemp(join(directory, `${name}-`));
      for (const [file, key] of [['tls.crt', `${name}.crt`], ['tls.key', `${name}.key`], ['ca.crt', 'ca.crt']] as const) await writeFile(join(own, file), data('sortie-tls', key)); // prettier-ignore
      await writeFile(join(own, statement), data('sortie-statement', statement));
      return openIdentity(own);
    };
    const [gateway, job] = await Promise.all([holder('gateway', 'statement.key'), holder('job', 'statement.pub')]);
    const certificate = new X509Certificate(data('sortie-tls', 'gateway.crt'));
    assert.ok(certificate.verify(new X509Certificate(data('sortie-tls', 'ca.crt')).publicKey));
    assert.ok(new X509Certificate(data('sortie-tls', 'nats.crt')).checkHost('nats-0.nats'));
    const call = {
      metadata: gateway.speakFor({ username: 'ana', administrator: false }),
      getAuthContext: () => ({ sslPeerCertificate: { subjectaltname: certificate.subjectAltName } as PeerCertificate }),
    };
    assert.equal(job.callerOf(call), { kind: 'gateway' });
    assert.equal(job.speakerOf(call), { username: 'ana', administrator: false });
    const [account = '', natsPassword = ''] = data('sortie-nats', 'worker.key').toString().split(':');
    assert.is(account, 'worker');
    assert.match(data('sortie-nats', 'authorization.conf').toString(), `password: "${natsPassword}"`);
  } finally {
    await rm(directory, { recursive: true });
  }
});

it('a secret that is there stays; a refusal is told with its reason', async (context) => {
  const cluster = { url: context.url, namespace: 'here', token: 't0ken' };
  context.status = 409;
  assert.not(await createSecret(cluster, 'sortie-gateway', { a: 'b' }));
  context.status = 403;
  try {
    await createSecret(cluster, 'sortie-gateway', { a: 'b' });
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), 'refused the secret sortie-gateway with 403: the reason');
  }
});

it.run();
