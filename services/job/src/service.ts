// The Job service as a whole, from its settings to its stop.
import { openDatabase, type Database } from '@sortie/common/database';
import { AuditLog } from '@sortie/common/audit/audit';
import { AuditServiceService } from '@sortie/common/gen/sortie/audit/v1/audit';
import { JobServiceService } from '@sortie/common/gen/sortie/job/v1/job';
import { newServer, startServer } from '@sortie/common/grpc';
import type { Identity } from '@sortie/common/identity/identity';
import type { Logger } from '@sortie/common/log';
import { migrate, pending } from '@sortie/common/migrate';
import { askNats, Nats, ringChanged } from '@sortie/common/nats';
import { newVitals, type Vitals } from '@sortie/common/vitals';
import { SortieError } from '@sortie/common/errors';
import type { ConnectionOptions } from 'nats';
import { newAuditServer } from './audit/server.js';
import { AuditStore } from './audit/store.js';
import { Announcer } from './announcer.js';
import { Expiry, expiryIntervalMs } from './expiry.js';
import { Followers } from './followers.js';
import { defaultPolicy, isEnded, type Policy } from './job.js';
import { Leases } from './leases.js';
import { defaultLimits, type JobLimits } from './limits.js';
import { Locks } from './locks.js';
import { startLoop } from './loop.js';
import { JobMetrics } from './metrics.js';
import { migrations } from './migrations/index.js';
import { QueueKeeper } from './queue-keeper.js';
import { newJobServer } from './server.js';
import { Store } from './store.js';
import { Turns } from './turns.js';
import { Workers } from './workers.js';

export interface JobServiceSettings {
  /** host:port; port 0 for any free one. */
  listen: string;
  /** `postgres://…`, or a directory for the embedded database. */
  database: string;
  natsUrl: string;
  /** By natsLogin; none where the server lets in anybody. */
  natsLogin?: ConnectionOptions;
  identity: Identity;
  /** Servers of the NATS cluster that hold a copy of the queue each. */
  natsReplicas?: number;
  policy?: Policy;
  limits?: JobLimits;
  /** After so long a client's connection is renewed. */
  maxConnectionAgeSeconds?: number;
}

export interface JobService {
  port: number;
  stop(hurry?: AbortSignal): Promise<void>;
}

const databaseWaitMs = 1_000;
const natsWaitMs = 2_000;
const announceIntervalMs = 1_000;
const queueIntervalMs = 2_000;

/** Whether an error passes by itself. */
const passes = (error: unknown): boolean => error instanceof SortieError && error.code === 'UNAVAILABLE';

/** Does again what fails because the database is away, or because somebody holds a lock. */
async function whenThere<T>(act: () => Promise<T>, log: Logger): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!passes(error)) throw error;
      log.warn({ err: error }, 'the database does not answer yet');
      await new Promise((resolve) => setTimeout(resolve, databaseWaitMs));
    }
  }
}

/** Brings the schema up to date: the step before the service starts. */
export async function migrateDatabase(where: string, log: Logger): Promise<void> {
  const database = await openDatabase(where, { name: 'sortie-migrate', statementTimeoutMs: 0, maxConnections: 1 });
  try {
    const report = (name: string): void => log.info({ migration: name }, 'a migration begins');
    await whenThere(() => migrate(database, migrations, report), log);
  } finally {
    await database.close();
  }
}

/** The embedded database is nobody else's and is migrated here; PostgreSQL is migrated before. */
async function readyDatabase(where: string, log: Logger): Promise<Database> {
  const database = await openDatabase(where, { name: 'sortie-job' });
  if (database.kind === 'embedded') await migrate(database, migrations);
  for (;;) {
    const missing = await whenThere(() => pending(database, migrations), log);
    if (missing.length === 0) return database;
    log.warn(
      { missing },
      'the schema of the database is older than this program; run services/job/dist/migrate-main.js',
    );
    await new Promise((resolve) => setTimeout(resolve, databaseWaitMs));
  }
}

export async function startJobService(
  settings: JobServiceSettings,
  log: Logger,
  vitals: Vitals = newVitals(),
): Promise<JobService> {
  const policy = settings.policy ?? defaultPolicy;
  const { health, registry } = vitals;
  const nats = new Nats(settings.natsUrl, 'sortie-job', settings.natsLogin);
  const database = await readyDatabase(settings.database, log);
  const metrics = new JobMetrics(registry);
  const limits = settings.limits ?? defaultLimits;
  const turns = new Turns(database, limits);
  const announcer = new Announcer(turns, nats, log);
  const announcing = startLoop('announce', announceIntervalMs, () => announcer.round(), log);
  const store = new Store(database, turns, (change) => {
    metrics.note(change);
    // One that waits, a message that was used up, or room for another one of the same owner.
    if (change.queued || change.begins === true || isEnded(change.record.job.state)) announcing.wake();
  });
  metrics.watchQueue(store, turns, nats);
  const leases = new Leases(database, policy.leaseMs);
  const onChange = (jobId: string, lastSequence: number): void => ringChanged(nats, jobId, lastSequence);
  const expiry = new Expiry({ store, leases, policy, log, onChange });
  const expiring = startLoop('expiry', expiryIntervalMs, () => expiry.round(), log);
  const queue = new QueueKeeper(nats, settings.natsReplicas ?? 1, log);
  // One that starts at the same time is waited for; without it jobs are accepted all the same.
  await nats.wait(natsWaitMs);
  // A cluster that is still coming together has no room for replicas; it is tried again.
  const keeping = startLoop('queue', queueIntervalMs, () => queue.look(), log);
  const followers = new Followers(store, nats, log);
  const workers = new Workers(database);
  const locks = new Locks(database);
  const { identity } = settings;
  const auditStore = new AuditStore(database);
  const audit = new AuditLog({
    deliver: (events) => auditStore.append(events.map((event) => ({ ...event, recordedBy: 'job' }))),
    registry,
    log,
  });
  const server = newServer(vitals, identity, log, settings.maxConnectionAgeSeconds, audit);
  server.addService(AuditServiceService, newAuditServer({ store: auditStore, identity, log }));
  server.addService(
    JobServiceService,
    newJobServer({ store, turns, leases, followers, workers, locks, onChange, policy, identity, audit, log }),
  );
  const running = await startServer(server, 'sortie.job.v1.JobService', settings.listen, vitals, identity, [
    'sortie.audit.v1.AuditService',
  ]);
  // The job store is what this service cannot be without; the work queue may be away for a while.
  await Promise.all([
    health.watch({ name: 'database', needed: true, ask: () => store.ask() }),
    health.watch({ name: 'nats', needed: false, ask: () => askNats(nats) }),
  ]);
  health.start();
  log.info({ port: running.port }, 'job service is up');
  return {
    port: running.port,
    stop: async (hurry) => {
      health.stop();
      await running.stop(undefined, hurry);
      // Before the loops: a round that waits for a NATS that is gone ends at once.
      await nats.close();
      await Promise.all([expiring.stop(), announcing.stop(), keeping.stop()]);
      await audit.stop();
      await database.close();
    },
  };
}
