// Program of a test: a gRPC server of its own process, which may be stopped, frozen or aged. It says its port on stdout.
// Arguments: port, maximum age of connections in seconds.
import { setTimeout } from 'node:timers/promises';
import { IngestServiceService, type IngestServiceServer } from '../gen/sortie/ingest/v1/ingest.js';
import { newServer, startServer, unary } from '../grpc.js';
import { clientStream, serverStream } from '../grpc-stream.js';
import type { Identity } from '../identity/identity.js';
import { newLogger } from '../log.js';
import { newVitals } from '../vitals.js';
import { identity } from './identities.js';

const [, , port = '0', age = '300'] = process.argv;
const log = newLogger('peer', 'silent');
const vitals = newVitals();
/** Who calls is not what this program is for. */
const trusting: Identity = { ...identity('ingest-api'), callerOf: () => ({ kind: 'operator' }) };
const server = newServer(vitals, trusting, log, Number(age));
server.addService(IngestServiceService, {
  // Its number of the process, so that a test knows who answered.
  getFile: unary(log, ({ fileId }) =>
    Promise.resolve({
      file: {
        fileId,
        fileName: '',
        description: '',
        owner: String(process.pid),
        sizeBytes: 0,
        sha256: '',
        createTime: undefined,
      },
    }),
  ),
  // Numbers behind `offset`, one each 50 ms, `length` of them.
  readLayerFile: serverStream(log, async function* ({ offset, length = 0 }) {
    for (let number = offset + 1; number <= length; number++) {
      yield { part: { $case: 'data', value: Buffer.from(String(number)) } };
      await setTimeout(50);
    }
  }),
  // Counts what comes.
  uploadFile: clientStream(log, async (messages) => {
    let sizeBytes = 0;
    for await (const { part } of messages) if (part?.$case === 'data') sizeBytes += part.value.length;
    return {
      file: {
        fileId: '',
        fileName: '',
        description: '',
        owner: String(process.pid),
        sizeBytes,
        sha256: '',
        createTime: undefined,
      },
    };
  }),
} as Partial<IngestServiceServer> as IngestServiceServer);
const running = await startServer(server, 'sortie.ingest.v1.IngestService', `127.0.0.1:${port}`, vitals, trusting);
vitals.health.start();
process.stdout.write(`${running.port}\n`);
