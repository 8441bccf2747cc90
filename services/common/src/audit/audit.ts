// Events for the audit log: told in the program's own log at once, and delivered to the job store as soon as that takes them.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, type Registry } from 'prom-client';
import { SortieError } from '../errors.js';
import { Action, Result, type AuditEvent } from '../gen/sortie/audit/v1/audit.js';
import type { Logger } from '../log.js';
import { madeFit } from '../text.js';

/** What whoever saw it says of an event. */
export type Noted = Pick<AuditEvent, 'action' | 'result'> &
  Partial<Pick<AuditEvent, 'user' | 'address' | 'caller' | 'resource' | 'detail'>>;

/** Takes events; never throws, and keeps nobody waiting. */
export interface Audit {
  note(noted: Noted): void;
}

export interface AuditLogParts {
  /** Stores events, all or none. Rejects with INVALID_ARGUMENT for what can never be stored. */
  deliver: (events: AuditEvent[]) => Promise<void>;
  registry: Registry;
  log: Logger;
  /** Events that are kept while they cannot be delivered. */
  most?: number;
  retryMs?: number;
}

const batch = 100;
const longest = 512;
/** About 10 MB. */
const usualMost = 20_000;
const usualRetryMs = 1_000;
const lastTryMs = 3_000;

/** What stands in addresses and texts of clients must not keep an event from being stored. */
const fit = (text: string): string => madeFit(text, longest);

export class AuditLog implements Audit {
  private waiting: AuditEvent[] = [];
  private readonly log: Logger;
  private readonly dropped: Counter;
  private readonly stopping = new AbortController();
  private wake = (): void => undefined;
  private readonly loop: Promise<void>;

  constructor(private readonly parts: AuditLogParts) {
    const { registry, log } = parts;
    // The level of the other messages does not reach it.
    this.log = log.child({ audit: true }, log.level === 'silent' ? {} : { level: 'info' });
    this.dropped = new Counter({
      name: 'sortie_audit_dropped_total',
      help: 'Events of the audit log that could not be delivered; each is in the log of this program.',
      registers: [registry],
    });
    const count = (): number => this.waiting.length;
    new Gauge({
      name: 'sortie_audit_waiting',
      help: 'Events of the audit log that are still to be delivered.',
      registers: [registry],
      collect() {
        this.set(count());
      },
    });
    this.loop = this.run();
  }

  note({ action, result, user = '', address = '', caller = '', resource = '', detail = '' }: Noted): void {
    const event: AuditEvent = {
      eventId: randomUUID(),
      time: new Date(),
      user: fit(user),
      address: fit(address),
      caller: fit(caller),
      action,
      resource: fit(resource),
      result,
      detail: fit(detail),
      recordedBy: '',
    };
    this.log.info({ ...event, action: Action[action], result: Result[result] }, 'audit');
    this.waiting.push(event);
    const tooMany = this.waiting.length - (this.parts.most ?? usualMost);
    if (tooMany > 0) this.drop(this.waiting.splice(0, tooMany).length, 'too many wait for the job store');
    this.wake();
  }

  private drop(count: number, why: string, err?: unknown): void {
    this.dropped.inc(count);
    this.log.error({ count, why, err }, 'events are missing in the audit log of the job store');
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      if (this.waiting.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
      else if (!(await this.send()))
        await sleep(this.parts.retryMs ?? usualRetryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** False when it has to be tried again. */
  private async send(): Promise<boolean> {
    const events = this.waiting.slice(0, batch);
    try {
      await this.parts.deliver(events);
    } catch (error) {
      if (SortieError.from(error).code !== 'INVALID_ARGUMENT') return false;
      this.drop(events.length, 'the job store refused them', error);
    }
    // Meanwhile the oldest may have been dropped.
    const sent = new Set(events);
    this.waiting = this.waiting.filter((event) => !sent.has(event));
    return true;
  }

  /** Delivers what waits, as long as that does not take long. */
  async stop(): Promise<void> {
    const end = Date.now() + lastTryMs;
    this.stopping.abort();
    this.wake();
    await this.loop;
    while (this.waiting.length > 0 && Date.now() < end && (await this.send()));
    if (this.waiting.length > 0) this.drop(this.waiting.length, 'the program ends while the job store is away');
  }
}

/** For tests, and for programs that keep no audit log. */
export const noAudit: Audit = { note: () => undefined };
