// Runs plans in a process of its own with the driver stand-in in NVIDIA's place, and reads what the stand-in reports.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  confinePath,
  preflight,
  run,
  type EngineFailure,
  type EnginePlan,
  type EngineResult,
  type Preflight,
} from '../index.js';
import { fresh } from './support.js';

export type Outcome = { result: EngineResult; engines: string[] } | { code: string; message: string };

export interface OnStandin {
  outcomes: Outcome[];
  /** Resident memory of the process after each run, MiB. */
  memory: number[];
  preflight: Preflight | null;
  /** What the stand-in counted. */
  violations: number;
  leaks: number;
  counted: Record<string, number>;
  stderr: string;
}

const self = fileURLToPath(import.meta.url);
export const standin = join(dirname(dirname(dirname(confinePath))), 'standin', 'run');

/** `settings`: faults and the like, see native/standin/README.md, without STANDIN_. */
export function onStandin(
  orders: EnginePlan[] | 'preflight',
  settings: Record<string, string> = {},
  environment: Record<string, string> = {},
): OnStandin {
  const file = fresh('.json');
  const answer = fresh('.json');
  writeFileSync(file, JSON.stringify(orders));
  const faults = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`STANDIN_${key}`, value]));
  const child = spawnSync(standin, [process.execPath, self, file, answer], {
    env: { ...process.env, ...faults, ...environment },
    encoding: 'utf8',
  });
  const report = /\[standin\] end: (\d+) violations, (\d+) leaks(.*)/.exec(child.stderr);
  if (child.status !== 0)
    throw new Error(`the run on the stand-in ended with ${String(child.status)}: ${child.stderr}`);
  const counted = [...(report?.[3] ?? '').matchAll(/, (\d+) ([a-z ]+)/g)].map(([, amount, what]) => [
    what,
    Number(amount),
  ]);
  return {
    ...(JSON.parse(readFileSync(answer, 'utf8')) as Pick<OnStandin, 'outcomes' | 'memory' | 'preflight'>),
    violations: Number(report?.[1] ?? 0),
    leaks: Number(report?.[2] ?? 0),
    counted: Object.fromEntries(counted) as Record<string, number>,
    stderr: child.stderr,
  };
}

/** The result of a run that must succeed. */
export function resultOf(outcome: Outcome | undefined): EngineResult {
  if (!outcome || !('result' in outcome)) throw new Error(`the run failed: ${JSON.stringify(outcome)}`);
  return outcome.result;
}

async function carryOut(plan: EnginePlan): Promise<Outcome> {
  const engines: string[] = [];
  try {
    const { result } = run(plan, ({ engine }) => engines.push(engine));
    return { result: await result, engines };
  } catch (thrown) {
    const { code, message } = thrown as EngineFailure;
    return { code, message };
  }
}

const [, script, orders, answer] = process.argv;
if (script === self && orders !== undefined && answer !== undefined) {
  const asked = JSON.parse(readFileSync(orders, 'utf8')) as EnginePlan[] | 'preflight';
  const outcomes: Outcome[] = [];
  const memory: number[] = [];
  for (const plan of asked === 'preflight' ? [] : asked) {
    outcomes.push(await carryOut(plan));
    memory.push(process.memoryUsage.rss() / 2 ** 20);
  }
  writeFileSync(
    answer,
    JSON.stringify({ outcomes, memory, preflight: asked === 'preflight' ? await preflight() : null }),
  );
}
