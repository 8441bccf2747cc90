// Sharing through two Ingest APIs on one storage, as users, visitors and other services meet them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { SortieError } from '@sortie/common/errors';
import { IngestServiceClient, Layer, Service, Sharing, type LayerFileInfo, type ReadLayerFileResponse } from '@sortie/common/gen/sortie/ingest/v1/ingest'; // prettier-ignore
import { call, connect } from '@sortie/common/grpc';
import { Priority } from '@sortie/common/gen/sortie/job/v1/job';
import { newLogger } from '@sortie/common/log';
import { openStorage, type Storage } from '@sortie/common/storage';
import { clientIdentity, identity } from '@sortie/common/testing/identities';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startIngestApi, type IngestApi } from './api.js';

interface Context {
  directory: string;
  storage: Storage;
  apis: IngestApi[];
  /** Of each Ingest API, as the gateway. */
  gateways: IngestServiceClient[];
  /** Of the first one, as a service that acts for a user. */
  clients: Record<string, IngestServiceClient>;
}

const { SHARING_UNSPECIFIED, SHARING_PRIVATE, SHARING_ORGANIZATION, SHARING_PUBLIC } = Sharing;
const log = newLogger('test', 'silent');
const it = suite<Context>('sharing');
const visitor = new Metadata();
const as = (username: string, administrator = false): Metadata => identity('gateway').speakFor({ username, administrator }); // prettier-ignore
const updateMask = ['sharing'];

it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-shares-'));
  context.storage = await openStorage(context.directory);
  const start = (): Promise<IngestApi> =>
    startIngestApi({ listen: '127.0.0.1:0', storage: context.directory, jobAddress: '127.0.0.1:1', identity: identity('ingest-api'), maxUploadBytes: 1_000 }, log); // prettier-ignore
  context.apis = [await start(), await start()];
  context.gateways = context.apis.map(({ port }) => connect(IngestServiceClient, `127.0.0.1:${port}`, identity('gateway'))); // prettier-ignore
  const port = context.apis[0]?.port ?? 0;
  context.clients = Object.fromEntries(['ana', 'ben'].map((user) => [user, connect(IngestServiceClient, `127.0.0.1:${port}`, clientIdentity(user))])); // prettier-ignore
});
it.after(async (context) => {
  for (const client of [...context.gateways, ...Object.values(context.clients)]) client.close();
  for (const api of context.apis) await api.stop();
  await rm(context.directory, { recursive: true });
});

const refused = (act: Promise<unknown>): Promise<SortieError> =>
  act.then(
    () => assert.unreachable('was not refused'),
    (error: unknown) => SortieError.from(error),
  ) as Promise<SortieError>;
const codeOf = async (act: Promise<unknown>): Promise<string> => (await refused(act)).code;

const get = (client: IngestServiceClient, serviceName: string, speaking = visitor): Promise<Service | undefined> =>
  call(client.getService.bind(client), { serviceName, pageSize: 0, pageToken: '' }, { speaking }).then(({ service }) => service); // prettier-ignore
const getLayer = (client: IngestServiceClient, serviceName: string, layerId: number, speaking = visitor): Promise<Layer | undefined> =>
  call(client.getLayer.bind(client), { serviceName, layerId }, { speaking }).then(({ layer }) => layer); // prettier-ignore
const shareService = (client: IngestServiceClient, serviceName: string, sharing: Sharing, speaking = visitor, mask = updateMask): Promise<unknown> =>
  call(client.updateService.bind(client), { service: Service.fromPartial({ serviceName, sharing }), updateMask: mask }, { speaking }); // prettier-ignore
const shareLayer = (client: IngestServiceClient, serviceName: string, layerId: number, sharing: Sharing, speaking = visitor): Promise<Layer | undefined> =>
  call(client.updateLayer.bind(client), { layer: Layer.fromPartial({ serviceName, layerId, sharing }), updateMask }, { speaking }).then(({ layer }) => layer); // prettier-ignore

async function infoOf(client: IngestServiceClient, serviceName: string, layerId: number, speaking = visitor): Promise<LayerFileInfo> {
  try {
    const stream = client.readLayerFile({ serviceName, layerId, path: 'ABR.m3u8', offset: 0, length: 0 }, speaking);
    for await (const { part } of stream as AsyncIterable<ReadLayerFileResponse>) if (part?.$case === 'info') return part.value;
  } catch (error) {
    throw SortieError.from(error);
  }
  throw new Error('no info');
} // prettier-ignore

/** With layers 0 and 1, of its owner ana. */
async function newService({ gateways: [gateway], storage }: Context, serviceName: string, sharing = SHARING_UNSPECIFIED): Promise<IngestServiceClient> {
  if (!gateway) throw new Error('no gateway');
  await call(gateway.createService.bind(gateway), { serviceName, owner: 'ana', description: '', sharing }, { speaking: as('ana') });
  for (const layerId of [0, 1]) {
    const layer = Layer.toJSON(Layer.fromPartial({ serviceName, layerId, name: `L${layerId}`, owner: 'ana' }));
    const key = serviceName.toLowerCase();
    await storage.put(`services/${key}/layers/${layerId}.json`, '{}');
    await storage.put(`layers/${key}/${layerId}/manifest.json`, JSON.stringify({ version: 1, layer, files: [{ path: 'ABR.m3u8', sizeBytes: 1, sha256: 'a' }] }));
    await storage.put(`layers/${key}/${layerId}/ABR.m3u8`, 'x');
  }
  return gateway;
} // prettier-ignore

it('what was written before there was sharing is private, and what is private is not there for others', async (context) => {
  const gateway = await newService(context, 'Old');
  const record = JSON.parse((await context.storage.get('services/old/service.json'))?.toString() ?? '') as object;
  await context.storage.put('services/old/service.json', JSON.stringify({ ...record, sharing: undefined }));
  assert.is((await get(gateway, 'Old', as('ana')))?.sharing, SHARING_PRIVATE);
  assert.is((await get(gateway, 'Old', as('root', true)))?.layers.length, 2);
  for (const who of [visitor, as('ben')]) {
    const hidden = await refused(get(gateway, 'Old', who));
    const missing = await refused(get(gateway, 'None', who));
    assert.equal([hidden.code, hidden.message.replace('Old', 'None')], ['NOT_FOUND', missing.message]);
    const hiddenLayer = await refused(getLayer(gateway, 'Old', 0, who));
    const missingLayer = await refused(getLayer(gateway, 'Old', 7, who));
    assert.is(hiddenLayer.message.replace('0', '7'), missingLayer.message);
    const hiddenFile = await refused(infoOf(gateway, 'Old', 0, who));
    assert.equal([hiddenFile.code, hiddenFile.message], ['NOT_FOUND', hiddenLayer.message]);
    assert.is(await codeOf(shareService(gateway, 'Old', SHARING_PUBLIC, who)), 'NOT_FOUND');
    assert.is(await codeOf(shareLayer(gateway, 'Old', 0, SHARING_PUBLIC, who)), 'NOT_FOUND');
  }
  const { ana, ben } = context.clients;
  if (!ana || !ben) throw new Error('no clients');
  assert.is((await get(ana, 'Old'))?.serviceName, 'Old');
  assert.is(await codeOf(get(ben, 'Old')), 'NOT_FOUND');
  const forged = new Metadata();
  forged.set('sortie-user', 'e30.AAAA');
  assert.is(await codeOf(get(gateway, 'Old', forged)), 'PERMISSION_DENIED');
});

it('lists and their sums hold what one sees', async (context) => {
  const gateway = await newService(context, 'Open', SHARING_PUBLIC);
  await newService(context, 'Inner', SHARING_ORGANIZATION);
  const names = async (speaking: Metadata): Promise<[string[], number]> => {
    const { services, totalSize } = await call(gateway.listServices.bind(gateway), { pageSize: 0, pageToken: '' }, { speaking }); // prettier-ignore
    return [services.map(({ serviceName }) => serviceName), totalSize];
  };
  assert.equal(await names(visitor), [['Open'], 1]);
  assert.equal(await names(as('ben')), [['Inner', 'Open'], 2]);
  assert.is((await names(as('ana')))[0].includes('Old'), true);
  const pages = await call(gateway.listServices.bind(gateway), { pageSize: 1, pageToken: '' }, { speaking: as('ben') });
  assert.is.not(pages.nextPageToken, '');
  const last = await call(gateway.listServices.bind(gateway), { pageSize: 1, pageToken: pages.nextPageToken }, { speaking: as('ben') }); // prettier-ignore
  assert.equal([last.services[0]?.serviceName, last.nextPageToken], ['Open', '']);
  // A layer of its own sharing is left out of its service for those who may not see it, and so is its number.
  await shareLayer(gateway, 'Open', 1, SHARING_PRIVATE, as('ana'));
  const seen = await get(gateway, 'Open', as('ben'));
  assert.equal([seen?.layers.map(({ layerId }) => layerId), seen?.lastReservedId], [[0], 0]);
  assert.is((await get(gateway, 'Open', as('ana')))?.lastReservedId, 1);
  assert.is(await codeOf(getLayer(gateway, 'Open', 1)), 'NOT_FOUND');
  assert.is(await codeOf(infoOf(gateway, 'Open', 1, as('ben'))), 'NOT_FOUND');
  assert.is((await infoOf(gateway, 'Open', 0)).public, true);
  assert.is((await infoOf(gateway, 'Open', 1, as('ana'))).public, false);
});

it('only owners and administrators change the sharing, and nothing else is changed', async (context) => {
  const gateway = await newService(context, 'Mine', SHARING_ORGANIZATION);
  assert.is(await codeOf(shareService(gateway, 'Mine', SHARING_PUBLIC, as('ben'))), 'PERMISSION_DENIED');
  assert.is(await codeOf(shareLayer(gateway, 'Mine', 0, SHARING_PUBLIC, as('ben'))), 'PERMISSION_DENIED');
  for (const mask of [[], ['owner'], ['sharing', 'description']])
    assert.is(await codeOf(shareService(gateway, 'Mine', SHARING_PUBLIC, as('ana'), mask)), 'INVALID_ARGUMENT');
  assert.is(await codeOf(shareService(gateway, 'Mine', Sharing.UNRECOGNIZED, as('ana'))), 'INVALID_ARGUMENT');
  await shareService(gateway, 'Mine', SHARING_PUBLIC, as('root', true));
  const service = await get(gateway, 'Mine');
  assert.equal([service?.owner, service?.sharing, service?.layers.length], ['ana', SHARING_PUBLIC, 2]);
  const narrow = await shareLayer(gateway, 'Mine', 0, SHARING_ORGANIZATION, as('ana'));
  assert.equal([narrow?.sharing, narrow?.effectiveSharing], [SHARING_ORGANIZATION, SHARING_ORGANIZATION]);
  await shareService(gateway, 'Mine', SHARING_PRIVATE, as('ana'));
  assert.is((await getLayer(gateway, 'Mine', 0, as('ana')))?.effectiveSharing, SHARING_PRIVATE);
});

it('a change is seen by the other processes', async (context) => {
  const gateway = await newService(context, 'Shared', SHARING_PUBLIC);
  const other = context.gateways[1] as IngestServiceClient;
  assert.is((await infoOf(other, 'Shared', 0)).public, true);
  await shareLayer(gateway, 'Shared', 0, SHARING_PRIVATE, as('ana'));
  assert.is(await codeOf(infoOf(gateway, 'Shared', 0)), 'NOT_FOUND');
  for (;;) {
    const code = await infoOf(other, 'Shared', 0).then(() => 'OK', (error: unknown) => SortieError.from(error).code); // prettier-ignore
    if (code === 'NOT_FOUND') break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await shareService(gateway, 'Shared', SHARING_PRIVATE, as('ana'));
  while ((await get(other, 'Shared').catch(() => null)) !== null)
    await new Promise((resolve) => setTimeout(resolve, 100));
});

it('an upload is there for its owner and administrators, also as part of a layer', async (context) => {
  const gateway = await newService(context, 'Files', SHARING_PUBLIC);
  const fileId = 'i5a435c32-4a10-4667-803c-6b719306f56c';
  const file = { fileId, fileName: 'a.ts', owner: 'ben', sizeBytes: 1, sha256: 'a' };
  await context.storage.put(`uploads/${fileId}/file.json`, JSON.stringify(file));
  const look = (speaking: Metadata): Promise<unknown> => call(gateway.getFile.bind(gateway), { fileId }, { speaking });
  assert.is(await codeOf(look(visitor)), 'NOT_FOUND');
  assert.is(await codeOf(look(as('ana'))), 'NOT_FOUND');
  await look(as('ben'));
  await look(as('root', true));
  const add = { serviceName: 'Files', layerName: 'L', description: '', owner: 'ana', fileIds: [fileId], requestedResolutions: [], serviceUrl: '', requestId: '', administrator: false, sharing: SHARING_UNSPECIFIED, priority: Priority.PRIORITY_UNSPECIFIED }; // prettier-ignore
  assert.is(await codeOf(call(gateway.addLayer.bind(gateway), add, { speaking: as('ana') })), 'NOT_FOUND');
});

it('a name that somebody else has is taken, and more is not told of it', async ({ gateways: [gateway] }) => {
  if (!gateway) throw new Error('no gateway');
  const check = (serviceName: string): Promise<{ available: boolean }> =>
    call(gateway.checkServiceName.bind(gateway), { serviceName }, { speaking: as('ben') });
  assert.equal([await check('OLD'), await check('Never')], [{ available: false }, { available: true }]);
});

it.run();
