// The longest answer of each program's /livez, measured on a thread of its own: what the main thread does must not count.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

type Addresses = Record<string, string>;
/** Milliseconds; Infinity where there was no good answer. */
type Worst = Record<string, number>;

const askMs = 50;
const patienceMs = 10_000;

export class Lives {
  private readonly thread: Worker;

  /** Asks each program all the time until `stop`. */
  constructor(addresses: Addresses) {
    this.thread = new Worker(new URL(import.meta.url), { workerData: addresses });
  }

  /** The worst of each program, as text. */
  async stop(): Promise<string> {
    this.thread.postMessage('stop');
    const [worst] = (await once(this.thread, 'message')) as [Worst];
    return Object.entries(worst)
      .map(([name, milliseconds]) => `${name} ${milliseconds.toFixed(0)} ms`)
      .join(', ');
  }
}

async function measure(addresses: Addresses): Promise<void> {
  let going = true;
  parentPort?.once('message', () => (going = false));
  const worst: Worst = {};
  const good = (address: string): Promise<boolean> =>
    fetch(`${address}/livez`, { signal: AbortSignal.timeout(patienceMs) }).then(
      ({ ok }) => ok,
      () => false,
    );
  const ask = async (name: string, address: string): Promise<void> => {
    // The first answer takes as long as this thread needs to compile its client.
    await good(address);
    while (going) {
      const began = performance.now();
      const answer = await good(address);
      worst[name] = Math.max(worst[name] ?? 0, answer ? performance.now() - began : Infinity);
      await sleep(askMs);
    }
  };
  await Promise.all(Object.entries(addresses).map(([name, address]) => ask(name, address)));
  parentPort?.postMessage(worst);
}

if (!isMainThread) await measure(workerData as Addresses);
