// The telemetry reader: takes one order, carries it out, tells the outcome and ends. It runs confined, for it reads a
// stranger's bytes.
import { SortieError } from '@sortie/common/errors';
import { serve, tell } from '../confined/serve.js';
import { extract } from './extract.js';
import type { Order } from './order.js';
import { probe } from './probe.js';

const signMs = 5_000;
/** CPU time of the timer itself, and some more: who used no more than that waits for a disk that does not answer. */
const idleMicroseconds = 20_000;

let used = process.cpuUsage();
const signs = setInterval(() => {
  const { user, system } = process.cpuUsage(used);
  if (user + system <= idleMicroseconds) return;
  used = process.cpuUsage();
  tell({ kind: 'progress', progress: null });
}, signMs);

await serve(
  (order) => ((order as Order).kind === 'probe' ? probe(order as Order & { kind: 'probe' }) : extract(order as Order & { kind: 'extract' })),
  (thrown) => {
    const { code, message } = SortieError.from(thrown);
    // The parent logs it.
    if (code === 'INTERNAL') console.error(thrown);
    return { code, message };
  },
); // prettier-ignore
clearInterval(signs);
