// Preload of a worker (node --import): holds it at a moment that the harness chooses, so that a fault hits that very moment.
//
// $CHAOS_CONTROL/order.json names the moment: { step, where, attempt, ms }. `begin`: the step is reported as running, nothing of
// its work is done; `end`: its work is done and not yet reported; `finish`: all steps are reported, the end of the attempt is
// not. reached.json says that the worker holds.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { StepState, type Lease, type Step } from '@sortie/common/gen/sortie/job/v1/job';
import { Run } from '@sortie/ingest/run';

export interface Order {
  step: Step;
  where: 'begin' | 'end';
  attempt: number;
  ms: number;
}

export interface Reached {
  pid: number;
  jobId: string;
  attempt: number;
}

const folder = process.env['CHAOS_CONTROL'];

function order(): Order | null {
  try {
    return JSON.parse(readFileSync(`${folder ?? ''}/order.json`, 'utf8')) as Order;
  } catch {
    return null;
  }
}

async function hold({ jobId, attempt }: Lease, step: Step, where: Order['where']): Promise<void> {
  const wanted = order();
  if (wanted?.step !== step || wanted.where !== where || wanted.attempt !== attempt) return;
  const reached: Reached = { pid: process.pid, jobId, attempt };
  writeFileSync(`${folder ?? ''}/reached.tmp`, JSON.stringify(reached));
  renameSync(`${folder ?? ''}/reached.tmp`, `${folder ?? ''}/reached.json`);
  await new Promise((resolve) => setTimeout(resolve, wanted.ms));
}

interface Reporting {
  report: (this: Run, step: Step, state: StepState, detail: string) => Promise<void>;
}

if (folder !== undefined && isMainThread) {
  const prototype = Run.prototype as unknown as Reporting;
  const { report } = prototype;
  prototype.report = async function (step, state, detail) {
    if (state === StepState.STEP_STATE_SUCCEEDED) await hold(this.parts.lease, step, 'end');
    await report.call(this, step, state, detail);
    if (state === StepState.STEP_STATE_RUNNING) await hold(this.parts.lease, step, 'begin');
  };
}
