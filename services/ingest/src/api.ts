// The Ingest API process as a whole, from its settings to its stop.
import { AuditLog } from '@sortie/common/audit/audit';
import { deliverTo } from '@sortie/common/audit/deliver';
import { AuditServiceClient } from '@sortie/common/gen/sortie/audit/v1/audit';
import { IngestServiceService } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { askHealth, connect, newServer, startServer } from '@sortie/common/grpc';
import type { Identity } from '@sortie/common/identity/identity';
import type { Logger } from '@sortie/common/log';
import { openStorage } from '@sortie/common/storage';
import { newVitals, type Vitals } from '@sortie/common/vitals';
import { Catalogue } from './catalogue.js';
import { Admission, defaultLimits, type UserLimits } from './limits.js';
import { newIngestServer } from './server.js';
import { storageMetrics } from './storage-metrics.js';
import { whenUsable } from './storage-check.js';
import { startSweeper } from './sweeper.js';
import { keepUsage, Usage } from './usage.js';

export interface IngestApiSettings {
  /** host:port; port 0 for any free one. */
  listen: string;
  storage: string;
  jobAddress: string;
  identity: Identity;
  maxUploadBytes: number;
  limits?: UserLimits;
  /** After so long a client's connection is renewed. */
  maxConnectionAgeSeconds?: number;
}

export interface IngestApi {
  port: number;
  /** Lets uploads and downloads end, unless `hurry` aborts. */
  stop(hurry?: AbortSignal): Promise<void>;
}

/** Uploads and downloads that take longer than this after a signal are cut off. */
const stopMs = 600_000;

export async function startIngestApi(
  settings: IngestApiSettings,
  log: Logger,
  vitals: Vitals = newVitals(),
): Promise<IngestApi> {
  const { health, registry } = vitals;
  const { identity } = settings;
  const storage = await openStorage(settings.storage);
  await whenUsable(storage, log);
  const jobs = connect(JobServiceClient, settings.jobAddress, identity);
  const auditClient = connect(AuditServiceClient, settings.jobAddress, identity);
  const audit = new AuditLog({
    deliver: deliverTo(auditClient),
    registry,
    log,
  });
  const server = newServer(vitals, identity, log, settings.maxConnectionAgeSeconds, audit);
  const { maxUploadBytes } = settings;
  const catalogue = new Catalogue(storage);
  const limits = settings.limits ?? defaultLimits;
  const usage = new Usage(storage, catalogue);
  const admission = new Admission(limits, usage);
  const { stored } = storageMetrics(registry, storage);
  server.addService(
    IngestServiceService,
    newIngestServer({ catalogue, storage, jobs, maxUploadBytes, admission, stored, identity, audit, log }),
  );
  const running = await startServer(server, 'sortie.ingest.v1.IngestService', settings.listen, vitals, identity);
  // Layers can be read without the Job service.
  await Promise.all([
    health.watch({ name: 'storage', needed: true, ask: () => storage.room() }),
    health.watch({ name: 'job', needed: false, ask: () => askHealth(jobs) }),
  ]);
  health.start();
  const sweeper = startSweeper({ storage, jobs, log });
  const stopping = new AbortController();
  const warming = catalogue.warm(stopping.signal).catch((error: unknown) => {
    log.debug({ err: error }, 'lists could not be read ahead');
  });
  const counting = limits.storedBytes === Infinity ? null : keepUsage(usage, stopping.signal, log);
  log.info({ port: running.port }, 'ingest API is up');
  return {
    port: running.port,
    stop: async (hurry) => {
      health.stop();
      stopping.abort();
      await Promise.all([warming, counting, sweeper.stop()]);
      await running.stop(stopMs, hurry);
      await audit.stop();
      auditClient.close();
      jobs.close();
    },
  };
}
