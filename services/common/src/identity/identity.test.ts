// Who gets in, and how far: keys of one machine, certificates between machines, and the gateway's word for its users.
import { cp, mkdtemp, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SortieError } from '../errors.js';
import { IngestServiceClient, IngestServiceService, type IngestServiceServer } from '../gen/sortie/ingest/v1/ingest.js';
import { JobServiceClient, JobServiceService } from '../gen/sortie/job/v1/job.js';
import { call, connect, newServer, startServer, unary, type RunningServer } from '../grpc.js';
import { newLogger } from '../log.js';
import { clientIdentity, identity, identityDirectory } from '../testing/identities.js';
import { newVitals } from '../vitals.js';
import { mayCall } from './access.js';
import { callerOfCertificate, readCaller } from './caller.js';
import { newAuthority, newCertificate, type Authority, type Certificate } from './certificates.js';
import { openIdentity, type Identity } from './identity.js';
import { mustSpeakFor, speakerOf } from './speaker.js';
import { newStatementKeys, readPublicKeys, readStatement, writeStatement } from './statement.js';

const it = suite<{ directory: string }>('identity');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-identity-'));
});
it.after(({ directory }) => rm(directory, { recursive: true }));

const log = newLogger('test', 'silent');
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'OK',
    (error: unknown) => SortieError.from(error).code,
  );

/** A server that answers with the user it is spoken to for. */
function serve(own: Identity): Promise<RunningServer> {
  const vitals = newVitals();
  const server = newServer(vitals, own, log);
  const handlers: Partial<IngestServiceServer> = {
    createService: unary(log, async ({ owner }, incoming) => {
      mustSpeakFor(own.speakerOf(incoming), owner);
      return Promise.resolve({ service: undefined });
    }),
    getFile: unary(log, () => Promise.resolve({ file: undefined })),
  };
  server.addService(IngestServiceService, handlers as IngestServiceServer);
  return startServer(server, 'sortie.ingest.v1.IngestService', '127.0.0.1:0', vitals, own);
}

const clientOf = (port: number, own: Identity): IngestServiceClient => connect(IngestServiceClient, `127.0.0.1:${port}`, own, {}); // prettier-ignore
const getFile = (client: IngestServiceClient): Promise<string> => codeOf(call(client.getFile.bind(client), { fileId: 'x' }, { timeoutMs: 4_000 })); // prettier-ignore
const createFor = (client: IngestServiceClient, owner: string, speaking?: Metadata): Promise<string> =>
  codeOf(call(client.createService.bind(client), { serviceName: 'S', owner, description: '', sharing: 0 }, speaking ? { speaking } : {})); // prettier-ignore

it('every method has its callers, and the arrows that the architecture lacks are refused', () => {
  for (const definition of [...Object.values(JobServiceService), ...Object.values(IngestServiceService)])
    assert.ok(mayCall(definition.path, { kind: 'operator' }) || mayCall(definition.path, { kind: 'worker' }), definition.path); // prettier-ignore
  const refused: [string, Parameters<typeof mayCall>[1]][] = [
    ['/sortie.ingest.v1.IngestService/CreateService', { kind: 'worker' }],
    ['/sortie.ingest.v1.IngestService/ReadLayerFile', { kind: 'worker' }],
    ['/sortie.job.v1.JobService/CancelJob', { kind: 'worker' }],
    ['/sortie.job.v1.JobService/CreateJob', { kind: 'gateway' }],
    ['/sortie.job.v1.JobService/CreateJob', { kind: 'client', user: 'ana' }],
    ['/sortie.job.v1.JobService/StartAttempt', { kind: 'gateway' }],
    ['/sortie.job.v1.JobService/FinishAttempt', { kind: 'ingest-api' }],
    ['/sortie.job.v1.JobService/AcquireLock', { kind: 'gateway' }],
    ['/sortie.job.v1.JobService/constructor', { kind: 'operator' }],
    ['/sortie.job.v2.JobService/GetJob', { kind: 'operator' }],
  ];
  for (const [path, caller] of refused) assert.not(mayCall(path, caller), `${caller.kind} ${path}`);
});

it('names of callers are read strictly', () => {
  assert.equal(readCaller('client/map.server@x'), { kind: 'client', user: 'map.server@x' });
  for (const name of ['', 'Worker', 'client/', 'client/a/b', 'client/a b', 'worker,gateway', 'constructor']) assert.is(readCaller(name), null, name); // prettier-ignore
  const names = (text: string): string | undefined => callerOfCertificate(text)?.kind;
  assert.is(names('URI:spiffe://sortie/worker, DNS:worker'), 'worker');
  assert.is(names('URI:spiffe://sortie/worker, URI:spiffe://sortie/gateway'), undefined);
  assert.is(names('DNS:gateway'), undefined);
  assert.is(names('URI:spiffe://elsewhere/gateway'), undefined);
  // Node puts a value with a comma in it into quotes (CVE-2021-44532).
  assert.is(names('DNS:"a, URI:spiffe://sortie/gateway"'), undefined);
});

it('a user’s statement holds for its signer, its user and its time', () => {
  const pair = (): { privateKey: string; publicKey: string } => {
    const { 'statement.key': privateKey, 'statement.pub': publicKey } = newStatementKeys();
    return { privateKey, publicKey };
  };
  const [old, fresh, foreign] = [pair(), pair(), pair()];
  const keys = readPublicKeys(old.publicKey + fresh.publicKey);
  assert.is(keys.length, 2);
  const user = { username: 'ana', administrator: false };
  for (const { privateKey } of [old, fresh]) assert.equal(readStatement(writeStatement(user, privateKey, 0), keys, 1), user); // prettier-ignore
  const text = writeStatement(user, fresh.privateKey, 0);
  const [body = '', signature = ''] = text.split('.');
  const forged = Buffer.from(JSON.stringify({ u: 'ana', a: true, x: 1e5 })).toString('base64url');
  for (const bad of [
    '',
    '.',
    body,
    `${body}.`,
    `${forged}.${signature}`,
    `${text}.x`,
    writeStatement(user, foreign.privateKey, 0),
    'x'.repeat(5000),
  ])
    // prettier-ignore
    assert.is(readStatement(bad, keys, 1), null, bad.slice(0, 20));
  assert.is(readStatement(text, keys, 120_001), null, 'over');
  assert.is(readStatement(writeStatement(user, fresh.privateKey, 1e9), keys, 1), null, 'of the future');
});

it('nobody speaks for others, and workers for nobody', () => {
  const refused = (act: () => void): string => {
    try {
      act();
    } catch (error) {
      return (error as SortieError).code;
    }
    return 'OK';
  };
  const says = { username: 'ana', administrator: false };
  assert.is(
    refused(() => mustSpeakFor(speakerOf({ kind: 'gateway' }, says), 'ana')),
    'OK',
  );
  assert.is(
    refused(() => mustSpeakFor(speakerOf({ kind: 'gateway' }, says), 'ben')),
    'PERMISSION_DENIED',
  );
  assert.is(refused(() => mustSpeakFor(speakerOf({ kind: 'gateway' }, { ...says, administrator: true }), 'ben')), 'OK'); // prettier-ignore
  assert.is(
    refused(() => speakerOf({ kind: 'gateway' }, null)),
    'PERMISSION_DENIED',
  );
  // A statement helps nobody else.
  assert.is(
    refused(() => mustSpeakFor(speakerOf({ kind: 'client', user: 'ben' }, says), 'ana')),
    'PERMISSION_DENIED',
  );
  assert.is(
    refused(() => speakerOf({ kind: 'worker' }, says)),
    'PERMISSION_DENIED',
  );
});

it('on one machine a caller shows its key', async () => {
  const server = await serve(identity('ingest-api'));
  const plain = new IngestServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const worker = clientOf(server.port, identity('worker'));
  const gateway = clientOf(server.port, identity('gateway'));
  const ana = clientOf(server.port, clientIdentity('ana'));
  try {
    assert.is(await getFile(plain), 'UNAUTHENTICATED');
    assert.is(await getFile(worker), 'PERMISSION_DENIED');
    assert.is(await getFile(gateway), 'OK');
    assert.is(await createFor(gateway, 'ana'), 'PERMISSION_DENIED');
    assert.is(await createFor(gateway, 'ana', identity('gateway').speakFor({ username: 'ana', administrator: false })), 'OK'); // prettier-ignore
    assert.is(await createFor(gateway, 'ben', identity('gateway').speakFor({ username: 'ana', administrator: false })), 'PERMISSION_DENIED'); // prettier-ignore
    assert.is(await createFor(ana, 'ana'), 'OK');
    assert.is(await createFor(ana, 'ben'), 'PERMISSION_DENIED');
    // The key of one is of no use under the name of another; reflection and health are nobody's business either.
    for (const authorization of ['Sortie gateway:AAAA', 'Sortie operator', 'Bearer x', `Sortie ${'x'.repeat(4000)}`]) {
      const metadata = new Metadata();
      metadata.set('authorization', authorization);
      assert.is(await codeOf(call(plain.getFile.bind(plain), { fileId: 'x' }, { speaking: metadata })), 'UNAUTHENTICATED'); // prettier-ignore
    }
    const health = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const asked = new Promise(
      (resolve, reject) =>
      health.makeUnaryRequest('/grpc.health.v1.Health/Check', (value: Buffer) => value, (value) => value, Buffer.alloc(0), (error, value) => (error ? reject(error) : resolve(value))), // prettier-ignore
    );
    assert.is(await codeOf(asked), 'UNAUTHENTICATED');
    health.close();
  } finally {
    for (const client of [plain, worker, gateway, ana]) client.close();
    await server.stop();
  }
});

/** As Kubernetes changes the files of a mounted secret: all at once, by a link to the folder that holds them. */
async function put(directory: string, files: Partial<Certificate>): Promise<void> {
  const current = join(directory, '..data');
  const next = await mkdtemp(`${directory}/..`);
  const before = await readlink(current).catch(() => null);
  if (before !== null) await cp(before, next, { recursive: true });
  for (const [name, text] of Object.entries<string>(files)) {
    await writeFile(join(next, name), text);
    if (before === null) await symlink(join('..data', name), join(directory, name));
  }
  await symlink(next, `${current}.new`);
  await rename(`${current}.new`, current);
  if (before !== null) await rm(before, { recursive: true });
}

/** Holds on this machine alone. */
const certify = (authority: Authority, caller: string, days = 1, now?: number): Promise<Certificate> =>
  newCertificate(authority, { caller, hosts: ['localhost'], addresses: ['127.0.0.1'], days, ...(now !== undefined && { now }) }); // prettier-ignore

it('between machines a caller shows its certificate, and each is replaced while calls go on', async ({ directory }) => {
  const refreshMs = 100;
  const at = async (name: string, certificate: Certificate): Promise<Identity> => {
    const own = await mkdtemp(join(directory, `${name}-`));
    await put(own, certificate);
    return openIdentity(own, refreshMs);
  };
  const [authority, foreign] = await Promise.all([newAuthority(10), newAuthority(10)]);
  const serverDirectory = await mkdtemp(join(directory, 'server-'));
  await put(serverDirectory, await certify(authority, 'ingest-api'));
  await cp(join(identityDirectory('ingest-api'), 'statement.pub'), join(serverDirectory, 'statement.pub'));
  const server = await serve(openIdentity(serverDirectory, refreshMs));
  const gatewayDirectory = await mkdtemp(join(directory, 'gateway-'));
  await put(gatewayDirectory, await certify(authority, 'gateway'));
  await cp(join(identityDirectory('gateway'), 'statement.key'), join(gatewayDirectory, 'statement.key'));
  const gateway = clientOf(server.port, openIdentity(gatewayDirectory, refreshMs));
  const clients = [gateway];
  const ask = async (own: Identity): Promise<string> => {
    const client = clientOf(server.port, own);
    clients.push(client);
    return getFile(client);
  };
  try {
    assert.is(await getFile(gateway), 'OK');
    const speaking = openIdentity(gatewayDirectory).speakFor({ username: 'ana', administrator: false });
    assert.is(await createFor(gateway, 'ana', speaking), 'OK');
    assert.is(await createFor(gateway, 'ben', speaking), 'PERMISSION_DENIED');
    assert.is(
      await ask(await at('worker', await certify(authority, 'worker'))),
      'PERMISSION_DENIED',
      'another’s method',
    );
    assert.is(
      await ask(await at('nobody', await certify(authority, 'stranger'))),
      'UNAUTHENTICATED',
      'no caller of ours',
    );
    assert.is(await ask(await at('foreign', { ...(await certify(foreign, 'gateway')), 'ca.crt': authority.certificate.toString('pem') })), 'UNAVAILABLE', 'signed by somebody else'); // prettier-ignore
    assert.is(await ask(await at('old', await certify(authority, 'gateway', 1, Date.now() - 3 * 86_400_000))), 'UNAVAILABLE', 'expired'); // prettier-ignore
    assert.is(await ask(identity('gateway')), 'UNAVAILABLE', 'plain text');
    const noCertificate = new IngestServiceClient(`127.0.0.1:${server.port}`, credentials.createSsl(Buffer.from(authority.certificate.toString('pem')))); // prettier-ignore
    clients.push(noCertificate);
    assert.is(await getFile(noCertificate), 'UNAVAILABLE', 'no certificate');

    // Another authority takes over: both are trusted first, then each gets its new certificate, then the old one is trusted no more.
    const next = await newAuthority(10);
    const both = authority.certificate.toString('pem') + next.certificate.toString('pem');
    const seen = new Set<string>();
    let going = true;
    const calls = (async () => {
      while (going) {
        seen.add(await getFile(gateway));
        await sleep(10);
      }
    })();
    for (const each of [serverDirectory, gatewayDirectory]) await put(each, { 'ca.crt': both });
    await sleep(5 * refreshMs);
    await put(serverDirectory, { ...(await certify(next, 'ingest-api')), 'ca.crt': both });
    await put(gatewayDirectory, { ...(await certify(next, 'gateway')), 'ca.crt': both });
    await sleep(5 * refreshMs);
    for (const each of [serverDirectory, gatewayDirectory])
      await put(each, { 'ca.crt': next.certificate.toString('pem') });
    await sleep(5 * refreshMs);
    assert.is(await ask(openIdentity(gatewayDirectory, refreshMs)), 'OK', 'the new one');
    assert.is(await ask(await at('before', { ...(await certify(authority, 'gateway')), 'ca.crt': both })), 'UNAVAILABLE', 'the old authority'); // prettier-ignore
    going = false;
    await calls;
    assert.equal([...seen], ['OK']);
  } finally {
    for (const client of clients) client.close();
    await server.stop();
  }
});

it('a server does not listen to other machines with keys alone', async () => {
  const vitals = newVitals();
  const own = identity('job');
  for (const address of ['0.0.0.0:0', '[::]:0', '192.168.1.1:0', 'localhost.example.com:0']) {
    const server = newServer(newVitals(), own, log);
    const refusal = await startServer(server, 'x', address, vitals, own).then(
      () => 'listens',
      (error: unknown) => String(error),
    );
    assert.match(refusal, 'which takes certificates', address);
  }
  assert.throws(() => openIdentity(tmpdir()), /holds neither certificates/);
  assert.throws(() => identity('worker').serverCredentials(), /could know nobody/);
  const client = connect(JobServiceClient, '127.0.0.1:9', identity('worker'));
  client.close();
});

it.run();
