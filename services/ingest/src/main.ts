// Programs: `main.js api`, the Ingest API, and `main.js worker`, an ingest worker.
import { join } from 'node:path';
import { newLogger } from '@sortie/common/log';
import { announce, required, stopOnSignal } from '@sortie/common/process';
import { startIngestApi } from './api.js';
import { engineSettings } from './gpu/settings.js';
import { packagedFfprobe } from './media/probe.js';
import { startWorker } from './worker/worker.js';

const { env } = process;
const role = process.argv[2];
const log = newLogger(`ingest-${role ?? ''}`, env['SORTIE_LOG_LEVEL']);

/** 10,000 MB, the most that ArcGIS Video Server can be set to. */
const defaultMaxUploadBytes = 10_000 * 1024 * 1024;

switch (role) {
  case 'api': {
    const api = await startIngestApi(
      {
        listen: env['SORTIE_INGEST_LISTEN'] ?? '127.0.0.1:7002',
        storage: required(env, 'SORTIE_STORAGE'),
        jobAddress: required(env, 'SORTIE_JOB_ADDRESS'),
        maxUploadBytes: Number(env['SORTIE_MAX_UPLOAD_BYTES'] ?? defaultMaxUploadBytes),
      },
      log,
    );
    stopOnSignal(log, () => api.stop());
    announce(api.port);
    break;
  }
  case 'worker': {
    const storage = required(env, 'SORTIE_STORAGE');
    const worker = await startWorker(
      {
        storage,
        natsUrl: required(env, 'SORTIE_NATS_URL'),
        jobAddress: required(env, 'SORTIE_JOB_ADDRESS'),
        workDirectory: env['SORTIE_WORK_DIRECTORY'] ?? join(storage, '.work'),
        run: {
          ffprobe: env['SORTIE_FFPROBE'] ?? packagedFfprobe(),
          engine: engineSettings(env),
        },
        jobs: Number(env['SORTIE_JOBS'] ?? 1),
      },
      log,
    );
    stopOnSignal(log, () => worker.stop());
    announce(0);
    break;
  }
  default:
    throw new Error('usage: main.js api | worker');
}
