// What the Job service measures: the facts as they enter the book, each counted once by the process that wrote it, and the
// queue as it stands when somebody asks.
import { Engine, State, Step, StepState, type JobEvent } from '@sortie/common/gen/sortie/job/v1/job';
import { workQueueLag, type Nats } from '@sortie/common/nats';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Change } from './job.js';
import type { Store } from './store.js';
import type { Turns } from './turns.js';

/** From a step that only looks to the transcode of a long recording. */
const buckets = [0.05, 0.2, 1, 5, 20, 60, 300, 1200, 3600, 14_400];

/** STEP_PROBE_VIDEO becomes probe_video. */
const word = (name: string, prefix: string): string => name.slice(prefix.length).toLowerCase();
const stepWord = (step: Step): string => word(Step[step], 'STEP_');

const endings: Partial<Record<State, string>> = {
  [State.STATE_SUCCEEDED]: 'succeeded',
  [State.STATE_FAILED]: 'failed',
  [State.STATE_CANCELLED]: 'cancelled',
};

/** What an attempt came to: its own failure, or what became of the job in the same change. */
function outcomeOf(code: string | undefined, events: readonly JobEvent[]): string {
  if (code !== undefined) return code === 'WORKER_LOST' ? 'lost' : 'failed';
  for (const { fact } of events) {
    if (fact?.$case === 'stateChanged') return endings[fact.value] ?? 'handed_back';
  }
  return 'handed_back';
}

export class JobMetrics {
  private readonly jobs;
  private readonly attempts;
  private readonly failures;
  private readonly steps;

  constructor(private readonly registry: Registry) {
    const registers = [registry];
    this.jobs = new Counter({
      name: 'sortie_jobs_total',
      help: 'Jobs created, and jobs ended by their last state.',
      labelNames: ['event'],
      registers,
    });
    this.attempts = new Counter({
      name: 'sortie_attempts_total',
      help: 'Attempts ended: succeeded, failed, lost (with their worker), cancelled, handed_back (the worker had to go).',
      labelNames: ['outcome'],
      registers,
    });
    this.failures = new Counter({
      name: 'sortie_failures_total',
      help: 'Failed attempts by step and error code.',
      labelNames: ['step', 'code'],
      registers,
    });
    this.steps = new Histogram({
      name: 'sortie_step_duration_seconds',
      help: 'How long steps took, by what became of them; engine is told of the transcode.',
      labelNames: ['step', 'state', 'engine'],
      buckets,
      registers,
    });
  }

  /** Counts what a change wrote down. */
  note({ events }: Change): void {
    events.forEach(({ fact, sequence }, index) => {
      if (fact?.$case === 'stateChanged') {
        const ending = endings[fact.value];
        if (ending !== undefined) this.jobs.inc({ event: ending });
        else if (sequence === 1) this.jobs.inc({ event: 'created' });
      } else if (fact?.$case === 'stepEnded') {
        const { step, state, engine, startTime, endTime } = fact.value;
        const labels = {
          step: stepWord(step),
          state: word(StepState[state], 'STEP_STATE_'),
          engine: engine === Engine.ENGINE_UNSPECIFIED ? '' : word(Engine[engine], 'ENGINE_'),
        };
        if (startTime && endTime) this.steps.observe(labels, (endTime.getTime() - startTime.getTime()) / 1000);
      } else if (fact?.$case === 'attemptEnded') {
        const { error } = fact.value;
        this.attempts.inc({ outcome: outcomeOf(error?.code, events.slice(index)) });
        if (error) this.failures.inc({ step: stepWord(error.step), code: error.code });
      }
    });
  }

  /** The book and the queue are asked on each scrape; what does not answer leaves a gap instead of an old number. */
  watchQueue(store: Store, turns: Turns, nats: Nats): void {
    const registers = [this.registry];
    new Gauge({
      name: 'sortie_jobs_open',
      help: 'Jobs in the book that have not ended, by state. The same from every Job service.',
      labelNames: ['state'],
      registers,
      async collect() {
        this.reset();
        const open = await store.open().catch(() => null);
        if (!open) return;
        this.set({ state: 'queued' }, open.queued);
        this.set({ state: 'running' }, open.running);
      },
    });
    new Gauge({
      name: 'sortie_workers_wanted',
      help: 'Jobs that run, and jobs that wait and may run: how many workers would have something to do. The same from every Job service.',
      registers,
      async collect() {
        this.set(await turns.workersWanted().catch(() => Number.NaN));
      },
    });
    new Gauge({
      name: 'sortie_queue_oldest_seconds',
      help: 'For how long the oldest queued job has been waiting for a worker; 0 when none waits.',
      registers,
      async collect() {
        const open = await store.open().catch(() => null);
        if (open) this.set(Math.max(0, open.oldestSeconds));
        else this.set(Number.NaN);
      },
    });
    new Gauge({
      name: 'sortie_queue_messages',
      help: 'Messages in NATS that there is work: pending (in the queue), ack_pending (with a worker that takes a job for it).',
      labelNames: ['state'],
      registers,
      async collect() {
        this.reset();
        const lag = await workQueueLag(nats).catch(() => null);
        if (!lag) return;
        this.set({ state: 'pending' }, lag.pending);
        this.set({ state: 'ack_pending' }, lag.ackPending);
      },
    });
  }
}
