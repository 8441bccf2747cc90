// What services of others do with the Ingest API, and what it tells of that to the audit log.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Action, AuditServiceService, type AuditEvent, type AuditServiceServer } from '@sortie/common/gen/sortie/audit/v1/audit'; // prettier-ignore
import { IngestServiceClient, Layer, Service, Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { call, connect, newServer, startServer, unary } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { openStorage } from '@sortie/common/storage';
import { clientIdentity, identity } from '@sortie/common/testing/identities';
import { newVitals } from '@sortie/common/vitals';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startIngestApi } from './api.js';

test('what a client does is recorded with its name; what the gateway asks for is recorded there', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-ingest-audit-'));
  const log = newLogger('test', 'silent');
  const vitals = newVitals();
  const recorded: AuditEvent[] = [];
  const server = newServer(vitals, identity('job'), log);
  const recordEvents: AuditServiceServer['recordEvents'] = unary(log, ({ events }) => {
    recorded.push(...events);
    return Promise.resolve({});
  });
  server.addService(AuditServiceService, { recordEvents } as Partial<AuditServiceServer> as AuditServiceServer);
  const jobs = await startServer(server, 'sortie.audit.v1.AuditService', '127.0.0.1:0', vitals, identity('job'));
  const api = await startIngestApi({ listen: '127.0.0.1:0', storage: directory, jobAddress: `127.0.0.1:${jobs.port}`, identity: identity('ingest-api'), maxUploadBytes: 1_000 }, log); // prettier-ignore
  const address = `127.0.0.1:${api.port}`;
  const ana = connect(IngestServiceClient, address, clientIdentity('ana'));
  const ben = connect(IngestServiceClient, address, clientIdentity('ben'));
  const gateway = connect(IngestServiceClient, address, identity('gateway'));
  const storage = await openStorage(directory);

  const create = { serviceName: 'Flight', owner: 'ana', description: '', sharing: Sharing.SHARING_ORGANIZATION };
  await call(ana.createService.bind(ana), create);
  const speaking = identity('gateway').speakFor({ username: 'ana', administrator: false });
  await call(gateway.createService.bind(gateway), { ...create, serviceName: 'Other' }, { speaking });
  const layer = Layer.toJSON(Layer.fromPartial({ serviceName: 'Flight', owner: 'ana' }));
  await storage.put('layers/flight/0/manifest.json', JSON.stringify({ version: 1, layer, files: [] }));
  for (let n = 0; n < 3; n++) await call(ben.getLayer.bind(ben), { serviceName: 'Flight', layerId: 0 });
  await call(gateway.getLayer.bind(gateway), { serviceName: 'Flight', layerId: 0 }, { speaking });
  const share = { service: Service.fromPartial({ serviceName: 'Flight', sharing: Sharing.SHARING_PUBLIC }), updateMask: ['sharing'] }; // prettier-ignore
  assert.is(await call(ben.updateService.bind(ben), share).catch(() => null), null);
  await call(ana.updateService.bind(ana), share);

  for (const client of [ana, ben, gateway]) client.close();
  await api.stop();
  await jobs.stop();
  await rm(directory, { recursive: true });
  assert.equal(
    recorded.map(({ user, caller, address: from, action, resource }) => [user, caller, from, Action[action], resource]),
    [
      ['ana', 'client/ana', '127.0.0.1', 'ACTION_CREATE_SERVICE', 'flight'],
      ['ben', 'client/ben', '127.0.0.1', 'ACTION_READ', 'flight/0'],
      ['ben', 'client/ben', '127.0.0.1', 'ACTION_REQUEST', '/sortie.ingest.v1.IngestService/UpdateService'],
      ['ana', 'client/ana', '127.0.0.1', 'ACTION_SHARE', 'flight'],
    ],
  );
});

test.run();
