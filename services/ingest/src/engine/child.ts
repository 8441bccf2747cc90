// The engine child: takes one order over IPC, carries it out, tells the outcome and ends.
import { preflight, run, verify, type EngineFailure, type EngineRun } from '@sortie/native';
import type { Order, Report } from './engine.js';

let running: EngineRun | null = null;

const tell = (report: Report): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(report, undefined, undefined, () => resolve());
  });

async function carryOut(order: Order): Promise<void> {
  switch (order.kind) {
    case 'run': {
      running = run(order.plan, (progress) => void tell({ kind: 'progress', progress }));
      await tell({ kind: 'done', result: await running.result });
      break;
    }
    case 'verify': {
      const result = [];
      for (const plan of order.plans) result.push(await verify(plan));
      await tell({ kind: 'done', result });
      break;
    }
    case 'preflight':
      await tell({ kind: 'done', result: await preflight() });
      break;
    case 'cancel':
      running?.cancel();
      return;
  }
  process.disconnect();
}

process.on('message', (message) => {
  carryOut(message as Order).catch(async (thrown: unknown) => {
    const failure = thrown as Partial<EngineFailure>;
    await tell({ kind: 'failed', code: failure.code ?? 'INTERNAL', message: failure.message ?? String(thrown) });
    process.disconnect();
  });
});

// Without a parent nobody wants the result.
process.on('disconnect', () => process.exit(0));
