// The trial of the GPUs once more without the sandbox, to find out whether it is the sandbox that hinders the driver. Only the
// trial's own clip is read; the work on anybody's video stays confined, whatever comes out.
import { spawn } from 'node:child_process';
import type { Preflight } from '@sortie/native';
import { engineScript, gpuEnvironment, type GpuAccess, type Order } from '../engine/engine.js';

const timeoutMs = 120_000;
const maxAnswer = 1024 * 1024;

/** Null when it ended without an answer. */
export async function tryGpusUnconfined(gpu: GpuAccess): Promise<Preflight | null> {
  const order: Order = { kind: 'preflight' };
  const child = spawn(process.execPath, [engineScript], {
    stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
    env: gpuEnvironment(gpu),
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(JSON.stringify(order));
  let text = '';
  for await (const chunk of (child.stdio[3] ?? []) as AsyncIterable<Buffer>)
    if (text.length < maxAnswer) text += chunk.toString();
  return readAnswer(text);
}

function readAnswer(text: string): Preflight | null {
  for (const line of text.split('\n').filter((part) => part !== '')) {
    try {
      const report = JSON.parse(line) as { kind: string; result?: Preflight };
      if (report.kind === 'done' && report.result) return report.result;
    } catch {
      // Cut in the middle: the child was ended.
    }
  }
  return null;
}
