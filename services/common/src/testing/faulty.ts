// Program of a test. It answers HTTP at a port that it says on stdout, and has faults: `/throw` and `/reject` leave an
// error to nobody. Its end takes for ever, unless it is hurried. With `start` as its argument it fails while it starts.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newLogger } from '../log.js';
import { goOnAfterErrors, stopOnSignal } from '../process.js';
import { newVitals, serveVitals } from '../vitals.js';

const log = newLogger('faulty', 'info');
const stopsWith = stopOnSignal(log);
if (process.argv[2] === 'start') {
  setImmediate(() => {
    throw new Error('fault at the start');
  });
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}
const vitals = newVitals();
const vitalsServer = await serveVitals(vitals, '127.0.0.1:0', log);
const server = createServer((request, response) => {
  if (request.url === '/throw') {
    setImmediate(() => {
      throw new Error('thrown to nobody');
    });
  }
  if (request.url === '/reject') void Promise.reject(new Error('rejected to nobody'));
  response.end('answer');
}).listen(0, '127.0.0.1');
await once(server, 'listening');
goOnAfterErrors(log, vitals.registry);
stopsWith(async (hurry, reason) => {
  process.stdout.write(`stopping ${reason}\n`);
  if (!hurry.aborted) await once(hurry, 'abort');
  process.stdout.write('hurried\n');
  // A third signal does not wait for this.
  if (process.argv[2] === 'stubborn') await new Promise((resolve) => setTimeout(resolve, 600_000));
});
const { port } = server.address() as AddressInfo;
process.stdout.write(`up ${port} ${vitalsServer.port}\n`);
