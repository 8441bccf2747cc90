// The engine child: takes one order, carries it out, tells the outcome and ends.
import { preflight, run, verify, type EngineFailure, type VerifiedSegment, type VerifyPlan } from '@sortie/native';
import { serve, tell } from '../confined/serve.js';
import type { Order } from './engine.js';

async function carryOut(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'run':
      return run(order.plan, (progress) => tell({ kind: 'progress', progress })).result;
    case 'verify': {
      const result: VerifiedSegment[][] = [];
      for (const plan of order.plans) result.push(await verifyInParts(plan));
      return result;
    }
    case 'preflight':
      return preflight();
  }
}

/** Each segment stands for itself; a sign of life after so many of them. */
const segmentsAtOnce = 50;

async function verifyInParts(plan: VerifyPlan): Promise<VerifiedSegment[]> {
  const verified: VerifiedSegment[] = [];
  for (let from = 0; from < plan.segments.length; from += segmentsAtOnce) {
    verified.push(...(await verify({ ...plan, segments: plan.segments.slice(from, from + segmentsAtOnce) })));
    tell({ kind: 'progress', progress: null });
  }
  return verified;
}

await serve(
  (order) => carryOut(order as Order),
  (thrown) => {
    const { code, message } = thrown as Partial<EngineFailure>;
    return { code: code ?? 'INTERNAL', message: message ?? String(thrown) };
  },
);
