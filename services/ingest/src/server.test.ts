// The Ingest API as its clients meet it: real gRPC sockets, a real directory, and a Job service beside it.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import {
  IngestServiceClient,
  Layer,
  Sharing,
  type AddLayerRequest,
  type File,
  type ReadLayerFileResponse,
} from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { newJobId } from '@sortie/common/ids';
import {
  Job,
  Priority,
  type CreateJobResponse,
  JobServiceService,
  type JobServiceServer,
} from '@sortie/common/gen/sortie/job/v1/job';
import { call, connect, newServer, startServer, unary, type RunningServer } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { clientOfAll, identity } from '@sortie/common/testing/identities';
import { newVitals } from '@sortie/common/vitals';
import { openStorage, type Storage } from '@sortie/common/storage';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startIngestApi, type IngestApi } from './api.js';
import { layerPrefix } from './catalogue.js';

interface Context {
  directory: string;
  storage: Storage;
  jobs: RunningServer;
  created: { requestId: string; layerId: number; priority: Priority }[];
  /** Owners who have as many jobs waiting as one may. */
  full: Set<string>;
  api: IngestApi;
  client: IngestServiceClient;
}

const log = newLogger('test', 'silent');
const maxUploadBytes = 300 * 1024 * 1024;
const it = suite<Context>('ingest API');

/** The Job service itself is tested beside its own sources; here only its answer to CreateJob matters. */
function jobService({ created, full }: Pick<Context, 'created' | 'full'>): Partial<JobServiceServer> {
  const byRequest = new Map<string, string>();
  return {
    createJob: unary(log, async ({ requestId, inputs, owner, priority, validateOnly }): Promise<CreateJobResponse> => {
      await Promise.resolve();
      if (full.has(owner)) throw new SortieError('LIMIT_REACHED', 'Too many jobs wait.', { retryAfterSeconds: 60 });
      if (validateOnly) return { job: undefined };
      const jobId = byRequest.get(requestId) ?? newJobId();
      if (requestId !== '') byRequest.set(requestId, jobId);
      created.push({ requestId, layerId: inputs?.layerId ?? -1, priority });
      return { job: Job.fromJSON({ jobId }) };
    }),
  };
}

it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-ingest-'));
  context.storage = await openStorage(context.directory);
  context.created = [];
  context.full = new Set();
  const vitals = newVitals();
  const server = newServer(vitals, identity('job'), log);
  server.addService(JobServiceService, jobService(context) as JobServiceServer);
  context.jobs = await startServer(server, 'sortie.job.v1.JobService', '127.0.0.1:0', vitals, identity('job'));
  context.api = await startIngestApi(
    {
      listen: '127.0.0.1:0',
      storage: context.directory,
      jobAddress: `127.0.0.1:${context.jobs.port}`,
      identity: identity('ingest-api'),
      maxUploadBytes,
    },
    log,
  );
  context.client = clientOfAll(IngestServiceClient, `127.0.0.1:${context.api.port}`);
});

it.after(async (context) => {
  context.client.close();
  await context.api.stop();
  await context.jobs.stop();
  await rm(context.directory, { recursive: true, force: true });
});

function upload(
  { client }: Context,
  fileName: string,
  chunks: Iterable<Buffer>,
  owner = 'ana',
  breakOff?: 'cancel' | 'end',
): Promise<File> {
  return new Promise((resolve, reject) => {
    const stream = client.uploadFile((error, response) => {
      if (error) reject(SortieError.from(error));
      else if (response.file) resolve(response.file);
    });
    stream.on('error', () => undefined);
    void (async () => {
      const drained = (): Promise<void> => new Promise((done) => stream.once('drain', done));
      stream.write({ part: { $case: 'header', value: { fileName, description: 'd', owner } } });
      let sizeBytes = 0;
      for (const chunk of chunks) {
        sizeBytes += chunk.length;
        if (!stream.write({ part: { $case: 'data', value: chunk } })) await drained();
      }
      if (breakOff === 'cancel') stream.cancel();
      else if (breakOff !== 'end')
        stream.write({ part: { $case: 'finish', value: { sizeBytes, owner: undefined, description: undefined } } });
      stream.end();
    })();
  });
}

async function refused(code: string, act: Promise<unknown>): Promise<SortieError> {
  try {
    await act;
  } catch (error) {
    assert.is((error as SortieError).code, code, (error as Error).message);
    return error as SortieError;
  }
  throw new Error(`should have been refused with ${code}`);
}

const left = async ({ directory }: Context): Promise<string[]> =>
  (await readdir(join(directory, 'uploads'), { recursive: true }).catch(() => [])).filter((name) =>
    /\/[^/]+$/.test(name),
  );

it('an upload is stored as it came, with its digest', async (context) => {
  const data = Array.from({ length: 9 }, () => randomBytes(100_000));
  const file = await upload(context, 'Flight.TS', data);
  const whole = Buffer.concat(data);
  assert.is(file.sizeBytes, whole.length);
  assert.is(file.sha256, createHash('sha256').update(whole).digest('hex'));
  assert.ok((await readFile(join(context.directory, 'uploads', file.fileId, 'source.ts'))).equals(whole));
  const again = await call(context.client.getFile.bind(context.client), { fileId: file.fileId });
  assert.equal(again.file, file);
});

it('what is refused or broken off leaves nothing behind', async (context) => {
  const before = await left(context);
  await refused('FILE_TYPE_REFUSED', upload(context, 'run.exe', [Buffer.from('MZ')]));
  await refused('FILE_TYPE_REFUSED', upload(context, 'archive.mp4', [Buffer.from('504b030414', 'hex')]));
  const large = function* (): Generator<Buffer> {
    for (let sent = 0; sent <= maxUploadBytes; sent += 1 << 20) yield Buffer.alloc(1 << 20, 0x47);
  };
  await refused('UPLOAD_TOO_LARGE', upload(context, 'large.ts', large()));
  await refused('CANCELLED', upload(context, 'half.ts', [Buffer.alloc(1000, 0x47)], 'ana', 'cancel'));
  await refused('INVALID_ARGUMENT', upload(context, 'half.ts', [Buffer.alloc(1000, 0x47)], 'ana', 'end'));
  await refused('INVALID_ARGUMENT', upload(context, 'Flight.ts', [], ''));
  for (let round = 0; round < 100 && (await left(context)).length > before.length; round++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(await left(context), before);
});

it('a large upload does not stay in memory', async (context) => {
  const chunk = Buffer.alloc(1 << 20, 0x47);
  const before = process.memoryUsage().rss;
  let peak = 0;
  const chunks = function* (): Generator<Buffer> {
    for (let sent = 0; sent < 299; sent++) {
      peak = Math.max(peak, process.memoryUsage().rss);
      yield chunk;
    }
  };
  await upload(context, 'long.ts', chunks());
  // Both ends run in this process. 299 MiB went through; nothing near that much may be held.
  assert.ok(peak - before < 120 * 1024 * 1024, `${Math.round((peak - before) / 1024 / 1024)} MiB held`);
});

it('services are made once, and not told apart by case', async (context) => {
  const { client } = context;
  const make = (serviceName: string): Promise<unknown> =>
    call(client.createService.bind(client), {
      serviceName,
      owner: 'ana',
      description: '',
      sharing: Sharing.SHARING_PRIVATE,
    });
  await make('Alpha');
  await refused('ALREADY_EXISTS', make('alpha'));
  for (const name of ['', '../x', 'a b', 'x'.repeat(121), 'a/b', 'ä']) await refused('INVALID_ARGUMENT', make(name));
  const { service } = await call(client.getService.bind(client), { serviceName: 'ALPHA', pageSize: 0, pageToken: '' });
  assert.is(service?.serviceName, 'Alpha');
  assert.match(service?.serviceItemId ?? '', /^[0-9a-f]{32}$/);
  await refused('NOT_FOUND', call(client.getService.bind(client), { serviceName: 'Beta', pageSize: 0, pageToken: '' }));
});

const layer = (serviceName: string, fileIds: string[], over: Partial<AddLayerRequest> = {}): AddLayerRequest => ({
  serviceName,
  layerName: 'Flight',
  description: '',
  owner: 'ana',
  fileIds,
  requestedResolutions: ['SD', 'hd'],
  serviceUrl: 'http://localhost/x',
  requestId: '',
  administrator: false,
  priority: Priority.PRIORITY_UNSPECIFIED,
  sharing: Sharing.SHARING_UNSPECIFIED,
  ...over,
});

it('a layer is shared as it was asked for, from the beginning, and a repeated request changes nothing', async (context) => {
  const { client, storage } = context;
  const serviceName = `S${randomBytes(4).toString('hex')}`;
  await call(client.createService.bind(client), {
    serviceName,
    owner: 'ana',
    description: '',
    sharing: Sharing.SHARING_PUBLIC,
  });
  const { fileId } = await upload(context, 'a.ts', [Buffer.alloc(188, 0x47)]);
  const asked = layer(serviceName, [fileId], { requestId: randomUUID(), sharing: Sharing.SHARING_PRIVATE });
  const { layerId } = await call(client.addLayer.bind(client), asked);
  const path = `services/${serviceName.toLowerCase()}/sharing/${layerId}.json`;
  assert.is((await storage.get(path))?.toString(), '{"sharing":"SHARING_PRIVATE"}');
  await storage.put(path, '{"sharing":"SHARING_ORGANIZATION"}');
  await call(client.addLayer.bind(client), asked);
  assert.is((await storage.get(path))?.toString(), '{"sharing":"SHARING_ORGANIZATION"}');
});

it('a job that would not be taken uses up no number: the next one gets it', async (context) => {
  const { client, full, storage } = context;
  const serviceName = `S${randomBytes(4).toString('hex')}`;
  await call(client.createService.bind(client), {
    serviceName,
    owner: 'ana',
    description: '',
    sharing: Sharing.SHARING_PRIVATE,
  });
  const { fileId } = await upload(context, 'a.ts', [Buffer.alloc(188, 0x47)]);
  const asked = layer(serviceName, [fileId]);
  full.add('ana');
  for (let times = 0; times < 3; times++) await refused('LIMIT_REACHED', call(client.addLayer.bind(client), asked));
  assert.equal(await storage.children(`services/${serviceName.toLowerCase()}/layers`), []);
  full.delete('ana');
  assert.is((await call(client.addLayer.bind(client), asked)).layerId, 0);
});

it('a priority goes with the job; high is for administrators', async (context) => {
  const { client, created, api } = context;
  const serviceName = `S${randomBytes(4).toString('hex')}`;
  await call(client.createService.bind(client), {
    serviceName,
    owner: 'ana',
    description: '',
    sharing: Sharing.SHARING_PRIVATE,
  });
  const { fileId } = await upload(context, 'a.ts', [Buffer.alloc(188, 0x47)]);
  const high = layer(serviceName, [fileId], { priority: Priority.PRIORITY_HIGH });
  await call(client.addLayer.bind(client), high);
  assert.is(created.at(-1)?.priority, Priority.PRIORITY_HIGH);
  const gateway = connect(IngestServiceClient, `127.0.0.1:${api.port}`, identity('gateway'));
  try {
    const speaking = identity('gateway').speakFor({ username: 'ana', administrator: false });
    await refused('PERMISSION_DENIED', call(gateway.addLayer.bind(gateway), high, { speaking }));
    await call(gateway.addLayer.bind(gateway), { ...high, priority: Priority.PRIORITY_LOW }, { speaking });
  } finally {
    gateway.close();
  }
  assert.is(created.at(-1)?.priority, Priority.PRIORITY_LOW);
});

it('layer numbers count up, also when many ask at once, and a repeated request gets the same', async (context) => {
  const { client, created } = context;
  const serviceName = `S${randomBytes(4).toString('hex')}`;
  await call(client.createService.bind(client), {
    serviceName,
    owner: 'ana',
    description: '',
    sharing: Sharing.SHARING_PRIVATE,
  });
  const { fileId } = await upload(context, 'a.ts', [Buffer.alloc(188, 0x47)]);
  const add = (over: Partial<AddLayerRequest> = {}): Promise<{ jobId: string; layerId: number }> =>
    call(client.addLayer.bind(client), layer(serviceName, [fileId], over));
  const many = await Promise.all(Array.from({ length: 8 }, () => add()));
  assert.equal(
    many.map(({ layerId }) => layerId).sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  const requestId = randomUUID();
  const first = await add({ requestId });
  assert.equal(await add({ requestId }), first);
  assert.ok(created.some((job) => job.requestId === requestId && job.layerId === first.layerId));
});

it('lists of many layers with long names come in pages below the limit of a message, and name no files', async (context) => {
  const { client, storage } = context;
  const count = 1_500;
  await call(client.createService.bind(client), {
    serviceName: 'Many',
    owner: 'ana',
    description: 'd'.repeat(4_096),
    sharing: Sharing.SHARING_PRIVATE,
  });
  for (let layerId = 0; layerId < count; layerId++) {
    const document = Layer.toJSON({ ...Layer.fromJSON({}), serviceName: 'Many', layerId, name: '名'.repeat(200), description: 'd'.repeat(1_000), jobId: newJobId() }); // prettier-ignore
    const manifest = { version: 1, layer: { ...(document as object), paths: ['video/sd/00001.m4s'] }, files: [] };
    await Promise.all([
      storage.put(`services/many/layers/${layerId}.json`, '{}'),
      storage.put(`layers/many/${layerId}/manifest.json`, JSON.stringify(manifest)),
    ]);
  }
  const seen: number[] = [];
  let pageToken = '';
  do {
    const page = await call(client.getService.bind(client), { serviceName: 'Many', pageSize: 0, pageToken });
    const layers = page.service?.layers ?? [];
    assert.ok(layers.length > 0 && layers.every((each) => Layer.encode(each).finish().length < 4_000));
    seen.push(...layers.map((each) => each.layerId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  assert.equal(
    seen,
    Array.from({ length: count }, (_, index) => index),
  );
  // A list of services holds the first layers of each, whatever their number.
  const services: string[] = [];
  do {
    const page = await call(client.listServices.bind(client), { pageSize: 1_000, pageToken });
    services.push(...page.services.map((each) => each.serviceName));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  assert.ok(services.includes('Many'));
  assert.is(new Set(services).size, services.length);
  await refused('INVALID_ARGUMENT', call(client.listServices.bind(client), { pageSize: 0, pageToken: '%%%' }));
  await refused('INVALID_ARGUMENT', call(client.getService.bind(client), { serviceName: 'Many', pageSize: 0, pageToken: 'x' })); // prettier-ignore
});

it('a service whose creation failed takes the list from nobody', async (context) => {
  const { client, directory } = context;
  await mkdir(join(directory, 'services/halfmade'), { recursive: true });
  const { services } = await call(client.listServices.bind(client), { pageSize: 1_000, pageToken: '' });
  assert.not(services.some(({ serviceName }) => serviceName === 'halfmade'));
  await refused('NOT_FOUND', call(client.getService.bind(client), { serviceName: 'halfmade', pageSize: 0, pageToken: '' })); // prettier-ignore
  await call(client.createService.bind(client), {
    serviceName: 'halfmade',
    owner: 'ana',
    description: '',
    sharing: Sharing.SHARING_PRIVATE,
  });
});

it('texts have limits and no control characters, each told by its field; no layer number is lost over them', async (context) => {
  const { client } = context;
  const serviceName = `S${randomBytes(4).toString('hex')}`;
  const creating = (description: string): Promise<unknown> =>
    call(client.createService.bind(client), {
      serviceName,
      owner: 'ana',
      description,
      sharing: Sharing.SHARING_PRIVATE,
    });
  assert.is((await refused('INVALID_ARGUMENT', creating('d'.repeat(4_097)))).violations[0]?.field, 'description');
  await creating('two\nlines');
  const { fileId } = await upload(context, 'a.ts', [Buffer.alloc(188, 0x47)]);
  const add = (over: Partial<AddLayerRequest>): Promise<{ layerId: number }> =>
    call(client.addLayer.bind(client), layer(serviceName, [fileId], over));
  const cases: [string, Partial<AddLayerRequest>][] = [
    ['layer_name', { layerName: 'a\u0000b' }],
    ['layer_name', { layerName: 'x'.repeat(201) }],
    ['description', { description: 'd'.repeat(4_097) }],
    ['request_id', { requestId: 'r'.repeat(129) }],
    ['service_url', { serviceUrl: 'u'.repeat(2_049) }],
    ['file_ids', { fileIds: Array.from({ length: 21 }, () => fileId) }],
    ['requested_resolutions', { requestedResolutions: Array.from({ length: 1_000 }, () => 'sd') }],
  ];
  for (const [field, over] of cases)
    assert.is((await refused('INVALID_ARGUMENT', add(over))).violations[0]?.field, field);
  assert.is((await add({})).layerId, 0);
  for (const layerId of [-1, 2 ** 31 - 1])
    await refused('NOT_FOUND', call(client.getLayer.bind(client), { serviceName, layerId }));
});

it('a request id belongs to its owner and service, and to one request', async (context) => {
  const { client } = context;
  const serviceName = `S${randomBytes(4).toString('hex')}`;
  await call(client.createService.bind(client), {
    serviceName,
    owner: 'ana',
    description: '',
    sharing: Sharing.SHARING_PRIVATE,
  });
  const { fileId } = await upload(context, 'a.ts', [Buffer.alloc(188, 0x47)]);
  const add = (over: Partial<AddLayerRequest>): Promise<{ layerId: number }> =>
    call(client.addLayer.bind(client), layer(serviceName, [fileId], { requestId: 'once', ...over }));
  assert.is((await add({})).layerId, 0);
  assert.is((await add({})).layerId, 0);
  const error = await refused('ALREADY_EXISTS', add({ layerName: 'Other' }));
  assert.is(error.violations[0]?.field, 'request_id');
  assert.is((await add({ owner: 'root', administrator: true })).layerId, 1, 'another owner');
});

it('wrong layers are refused with the field that is wrong', async (context) => {
  const { client } = context;
  await call(client.createService.bind(client), {
    serviceName: 'Wrong',
    owner: 'ana',
    description: '',
    sharing: Sharing.SHARING_PRIVATE,
  });
  const mine = (await upload(context, 'a.ts', [Buffer.alloc(188, 0x47)])).fileId;
  const others = (await upload(context, 'b.ts', [Buffer.alloc(188, 0x47)], 'ben')).fileId;
  const sidecar = (await upload(context, 'a.csv', [Buffer.from('a,b')])).fileId;
  const add = (fileIds: string[], over: Partial<AddLayerRequest> = {}): Promise<unknown> =>
    call(client.addLayer.bind(client), layer('Wrong', fileIds, over));
  const field = async (name: string, act: Promise<unknown>): Promise<void> => {
    const error = await refused('INVALID_ARGUMENT', act);
    assert.is(error.violations[0]?.field, name);
  };
  await field('requested_resolutions', add([mine], { requestedResolutions: ['8k'] }));
  await field('file_ids', add([]));
  await field('file_ids', add([sidecar]));
  await field('file_ids', add([mine, (await upload(context, 'c.ts', [Buffer.alloc(188, 0x47)])).fileId]));
  await field('layer_name', add([mine], { layerName: ' ' }));
  await refused('PERMISSION_DENIED', add([others]));
  await refused('PERMISSION_DENIED', add([mine], { owner: 'ben' }));
  await refused('NOT_FOUND', add([`i${randomUUID()}`]));
  await refused('NOT_FOUND', add(['../../etc/passwd']));
});

async function readFileOf(
  { client }: Context,
  path: string,
  offset: number,
  length?: number,
): Promise<{ text: string; size: number; from: number }> {
  const stream = client.readLayerFile({ serviceName: 'Shown', layerId: 0, path, offset, length });
  let text = '';
  let info = { sizeBytes: -1, offset: -1 };
  try {
    for await (const { part } of stream as AsyncIterable<ReadLayerFileResponse>) {
      if (part?.$case === 'info') info = part.value;
      else if (part?.$case === 'data') text += part.value.toString();
    }
  } catch (error) {
    throw SortieError.from(error);
  }
  return { text, size: info.sizeBytes, from: info.offset };
}

it('a layer is visible only when its manifest is, and only what that names can be read', async (context) => {
  const { client, storage } = context;
  await call(client.createService.bind(client), {
    serviceName: 'Shown',
    owner: 'ana',
    description: '',
    sharing: Sharing.SHARING_PRIVATE,
  });
  const { fileId } = await upload(context, 'a.ts', [Buffer.alloc(188, 0x47)]);
  await call(client.addLayer.bind(client), layer('Shown', [fileId]));
  const prefix = layerPrefix('Shown', 0);
  await storage.put(`${prefix}/ABR.m3u8`, '0123456789');
  await storage.put(`${prefix}/secret`, 'x');
  await refused('NOT_FOUND', call(client.getLayer.bind(client), { serviceName: 'Shown', layerId: 0 }));
  await refused('NOT_FOUND', readFileOf(context, 'ABR.m3u8', 0));

  const manifest = {
    version: 1,
    layer: Layer.toJSON({ ...Layer.fromJSON({}), serviceName: 'Shown', name: 'Flight' }),
    files: [{ path: 'ABR.m3u8', sizeBytes: 10, sha256: 'ab' }],
  };
  await storage.put(`${prefix}/manifest.json`, JSON.stringify(manifest));
  const { layer: found } = await call(client.getLayer.bind(client), { serviceName: 'shown', layerId: 0 });
  assert.is(found?.name, 'Flight');
  assert.equal(await readFileOf(context, 'ABR.m3u8', 0), { text: '0123456789', size: 10, from: 0 });
  assert.equal(await readFileOf(context, 'ABR.m3u8', 2, 3), { text: '234', size: 10, from: 2 });
  assert.equal(await readFileOf(context, 'ABR.m3u8', -4), { text: '6789', size: 10, from: 6 });
  assert.equal(await readFileOf(context, 'ABR.m3u8', 50), { text: '', size: 10, from: 10 });
  for (const path of ['secret', '../../uploads', 'manifest.json', ''])
    await refused('NOT_FOUND', readFileOf(context, path, 0));
});

it.run();
