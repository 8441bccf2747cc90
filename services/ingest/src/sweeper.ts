// Removes what was left behind in the storage: uploads that broke off, outputs of attempts that were given up, and folders that
// nothing came into. One Ingest API of several does so at a time.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { call } from '@sortie/common/grpc';
import type { Logger } from '@sortie/common/log';
import type { Entry, Storage } from '@sortie/common/storage';
import { attemptOf, Catalogue } from './catalogue.js';
import { isEnded } from './job-state.js';
import { isRunning, jobOrNull } from './worker/work-directory.js';

export interface SweeperParts {
  storage: Storage;
  jobs: JobServiceClient;
  log: Logger;
}

const hourMs = 3_600_000;
/** Uploads may take long; what has not changed for so long is given up. */
const oldMs = 24 * hourMs;
/** Between two sweeps, and before the first one. */
const intervalMs = hourMs;
const firstMs = 30_000;
const lockMs = 900_000;

export interface Sweeper {
  stop(): Promise<void>;
}

export function startSweeper(parts: SweeperParts): Sweeper {
  const stopping = new AbortController();
  const holder = `${hostname()}/${process.pid}/${randomUUID()}`;
  const pause = (milliseconds: number): Promise<unknown> =>
    sleep(milliseconds, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
  const loop = (async () => {
    await pause(firstMs);
    while (!stopping.signal.aborted) {
      try {
        await new Sweep(parts, holder, stopping.signal).run();
      } catch (error) {
        if (!stopping.signal.aborted)
          parts.log.warn({ err: error }, 'the storage could not be swept; that is tried again');
      }
      await pause(intervalMs);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

/** One pass over the storage. */
export class Sweep {
  private readonly catalogue: Catalogue;
  removed = 0;

  constructor(
    private readonly parts: SweeperParts,
    private readonly holder: string,
    private readonly signal: AbortSignal = new AbortController().signal,
    private readonly now: () => number = Date.now,
  ) {
    this.catalogue = new Catalogue(parts.storage);
  }

  /** False when another one sweeps. */
  async run(): Promise<boolean> {
    if (!(await this.lock())) return false;
    try {
      return await this.sweepAll();
    } finally {
      // It is free again at once.
      await this.lock(1).catch(() => undefined);
    }
  }

  private async sweepAll(): Promise<boolean> {
    await this.sweepRoot();
    await this.each('uploads', (prefix) => this.sweepUpload(prefix));
    await this.each('services', (prefix) => this.sweepService(prefix));
    for (const service of await this.parts.storage.children('layers')) {
      // Long sweeps keep the lock.
      if (!(await this.lock())) return false;
      await this.each(`layers/${service}`, (prefix, layer) => this.sweepLayer(prefix, service, layer));
    }
    return true;
  }

  private async lock(milliseconds = lockMs): Promise<boolean> {
    const { jobs } = this.parts;
    const duration = { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1e6 };
    return (await call(jobs.acquireLock.bind(jobs), { name: 'sweep', holder: this.holder, duration })).acquired;
  }

  private isOld({ modified }: Entry): boolean {
    return this.now() - modified.getTime() > oldMs;
  }

  /** All folders below a prefix; those that are empty and old are removed. A young one may be about to be filled. */
  private async each(parent: string, sweep: (prefix: string, name: string) => Promise<void>): Promise<void> {
    const { storage } = this.parts;
    for (const entry of await storage.entries(parent)) {
      if (!entry.directory || entry.temporary) continue;
      const prefix = `${parent}/${entry.name}`;
      await sweep(prefix, entry.name);
      if (this.isOld(entry)) await storage.removeEmpty(prefix);
    }
  }

  private async remove(prefix: string, name: string, why: string): Promise<void> {
    await this.parts.storage.remove(prefix, name);
    this.removed++;
    this.parts.log.info({ prefix, name, why }, 'swept');
  }

  private async removeTemporary(prefix: string): Promise<Entry[]> {
    this.signal.throwIfAborted();
    const entries = await this.parts.storage.entries(prefix);
    for (const entry of entries)
      if (entry.temporary && this.isOld(entry))
        await this.remove(prefix, entry.name, 'it was never written to its end');
    return entries.filter((entry) => !entry.temporary);
  }

  /** What checks of the storage have left that were killed. */
  private async sweepRoot(): Promise<void> {
    for (const entry of await this.parts.storage.entries(''))
      if (entry.name.startsWith('.check-') && this.isOld(entry))
        await this.remove('', entry.name, 'a check of the storage');
  }

  private async sweepUpload(prefix: string): Promise<void> {
    const entries = await this.removeTemporary(prefix);
    const recorded = entries.some(({ name }) => name === 'file.json');
    for (const entry of entries)
      if (!recorded && this.isOld(entry)) await this.remove(prefix, entry.name, 'an upload without its record');
  }

  private async sweepService(prefix: string): Promise<void> {
    for (const folder of [prefix, `${prefix}/layers`, `${prefix}/requests`, `${prefix}/sharing`])
      await this.removeTemporary(folder);
  }

  private async sweepLayer(prefix: string, service: string, layer: string): Promise<void> {
    for (const entry of await this.removeTemporary(prefix)) {
      const owner = entry.directory ? attemptOf(entry.name) : null;
      if (!owner || !/^\d{1,10}$/.test(layer)) continue;
      const pointer = await this.catalogue.pointer(service, Number(layer));
      if (pointer?.output === entry.name) continue;
      if (isAbandoned(await jobOrNull(this.parts.jobs, owner.jobId), owner.attempt)) {
        await this.remove(prefix, entry.name, 'the output of an attempt that was given up');
      }
    }
  }
}

/** Whether an output is nobody's any more. Of a job that nobody knows nothing is said: its job store may come back. */
export function isAbandoned(job: Job | null, attempt: number): boolean {
  if (!job || job.committedAttempt === attempt) return false;
  return isEnded(job.state) || !isRunning(job, attempt);
}
