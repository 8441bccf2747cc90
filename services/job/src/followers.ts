// Watching jobs. All watchers of one job in this process share one follower, which reads the job store when the job is reported
// to have changed, and now and then by itself, should the report be lost.
import { State, type JobEvent, type Progress } from '@sortie/common/gen/sortie/job/v1/job';
import type { Logger } from '@sortie/common/log';
import { listenChanged, type Nats } from '@sortie/common/nats';
import { isEnded } from './job.js';
import type { Store } from './store.js';

/** How often a follower looks by itself: NATS brings the news, so this is for lost ones only; more often without NATS. */
const lookMs = { withNats: 10_000, without: 1_000 };
/** Events that a follower keeps for watchers that have read nearly all; others read the job store first. */
const keptEvents = 500;

export type Update = { kind: 'event'; event: JobEvent } | { kind: 'progress'; progress: Progress };

class Follower {
  private readonly events: JobEvent[] = [];
  private waiting = new Set<() => void>();
  private last = -1;
  private progress: { value: Progress; text: string } | null = null;
  private ended = false;
  private failure: unknown = null;
  private stopped = false;
  private changed = false;
  private wake = (): void => undefined;
  watchers = 0;

  constructor(
    private readonly jobId: string,
    private readonly store: Store,
    private readonly nats: Nats,
    private readonly onStop: () => void,
  ) {}

  /** Reads until nobody watches any more, the job has ended, or the job store fails. */
  async follow(): Promise<void> {
    const stopListening = listenChanged(this.nats, this.jobId, () => {
      this.changed = true;
      this.wake();
    });
    try {
      while (!this.stopped && !this.ended) {
        this.changed = false;
        // The job is read first: an event that comes between the two reads is then seen now and not missed.
        const job = await this.store.get(this.jobId);
        if (this.last < 0) this.last = Math.max(0, job.lastSequence - keptEvents);
        while (this.last < job.lastSequence) {
          const events = await this.store.events(this.jobId, this.last);
          if (events.length === 0) break;
          this.events.push(...events);
          this.last = events.at(-1)?.sequence ?? this.last;
        }
        if (this.events.length > 2 * keptEvents) this.events.splice(0, this.events.length - keptEvents);
        const text = JSON.stringify(job.progress ?? '');
        this.progress = job.progress ? { value: job.progress, text } : null;
        this.ended = isEnded(job.state) && job.state !== State.UNRECOGNIZED;
        this.notify();
        if (!this.ended) await this.pause();
      }
    } catch (error) {
      this.failure = error;
    } finally {
      this.stopped = true;
      stopListening();
      this.onStop();
      this.notify();
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.nats.isOpen ? lookMs.withNats : lookMs.without);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.changed || this.stopped) this.wake();
    });
  }

  stop(): void {
    this.stopped = true;
    this.wake();
  }

  private notify(): void {
    const waiting = this.waiting;
    this.waiting = new Set();
    for (const resolve of waiting) resolve();
  }

  private next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** All events after a number and progress in between, until the job has ended. Throws what the job store threw. */
  async *updates(afterEvent: number, signal: AbortSignal): AsyncGenerator<Update> {
    let after = afterEvent;
    let lastProgress = '';
    for (;;) {
      if (signal.aborted) return;
      const first = this.events[0]?.sequence ?? this.last + 1;
      if (this.last >= 0 && after + 1 < first && after < this.last) {
        // Further back than what is kept.
        for (const event of await this.store.events(this.jobId, after)) {
          yield { kind: 'event', event };
          after = event.sequence;
        }
        continue;
      }
      const { ended, failure, progress } = this;
      const fresh = this.events.filter((event) => event.sequence > after);
      for (const event of fresh) {
        yield { kind: 'event', event };
        after = event.sequence;
      }
      if (fresh.length > 0) continue;
      if (failure !== null) throw failure as Error;
      if (ended) return;
      if (progress && progress.text !== lastProgress) {
        lastProgress = progress.text;
        yield { kind: 'progress', progress: progress.value };
        continue;
      }
      await this.next(signal);
    }
  }
}

export class Followers {
  private readonly followers = new Map<string, Follower>();

  constructor(
    private readonly store: Store,
    private readonly nats: Nats,
    private readonly log: Logger,
  ) {}

  /** Of one job; throws NOT_FOUND when there is none. */
  async *watch(jobId: string, afterEvent: number, signal: AbortSignal): AsyncGenerator<Update> {
    let follower = this.followers.get(jobId);
    if (!follower) {
      const made = new Follower(jobId, this.store, this.nats, () => {
        if (this.followers.get(jobId) === made) this.followers.delete(jobId);
      });
      follower = made;
      this.followers.set(jobId, made);
      made
        .follow()
        .catch((error: unknown) => this.log.warn({ job: jobId, err: error }, 'a job is not followed any more'));
    }
    follower.watchers++;
    try {
      yield* follower.updates(afterEvent, signal);
    } finally {
      if (--follower.watchers === 0) {
        if (this.followers.get(jobId) === follower) this.followers.delete(jobId);
        follower.stop();
      }
    }
  }
}
