// The Ingest API process as a whole, from its settings to its stop.
import { IngestServiceService } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { clientCredentials, clientOptions, newServer, startServer } from '@sortie/common/grpc';
import type { Logger } from '@sortie/common/log';
import { openStorage } from '@sortie/common/storage';
import { Catalogue } from './catalogue.js';
import { newIngestServer } from './server.js';

export interface IngestApiSettings {
  /** host:port; port 0 for any free one. */
  listen: string;
  storage: string;
  jobAddress: string;
  maxUploadBytes: number;
}

export interface IngestApi {
  port: number;
  stop(): Promise<void>;
}

const healthMs = 5_000;

export async function startIngestApi(settings: IngestApiSettings, log: Logger): Promise<IngestApi> {
  const storage = await openStorage(settings.storage);
  const jobs = new JobServiceClient(settings.jobAddress, clientCredentials(), clientOptions);
  const server = newServer();
  const { maxUploadBytes } = settings;
  const catalogue = new Catalogue(storage);
  server.addService(IngestServiceService, newIngestServer({ catalogue, storage, jobs, maxUploadBytes, log }));
  const running = await startServer(server, 'sortie.ingest.v1.IngestService', settings.listen);
  const health = setInterval(() => {
    storage.freeBytes().then(
      () => running.setServing(true),
      () => running.setServing(false),
    );
  }, healthMs);
  log.info({ port: running.port }, 'ingest API is up');
  return {
    port: running.port,
    stop: async () => {
      clearInterval(health);
      await running.stop();
      jobs.close();
    },
  };
}
