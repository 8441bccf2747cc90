// Program: an ingest worker.
import { join } from 'node:path';
import { newLogger } from '@sortie/common/log';
import { announce, goOnAfterErrors, required, stopOnSignal } from '@sortie/common/process';
import { newVitals, serveVitals } from '@sortie/common/vitals';
import { memoryLimit } from './confined/cgroup.js';
import { confineSettings } from './confined/state.js';
import { jobMemory } from './engine/memory.js';
import { engineSettings } from './gpu/settings.js';
import { findFfprobe } from './media/ffprobe.js';
import { jobBudget } from './worker/limits.js';
import { startWorker } from './worker/worker.js';

const { env } = process;
const log = newLogger('ingest-worker', env['SORTIE_LOG_LEVEL']);
const stopsWith = stopOnSignal(log);
const vitals = newVitals();
const vitalsServer = await serveVitals(vitals, env['SORTIE_METRICS_LISTEN'] ?? '127.0.0.1:0', log);
const storage = required(env, 'SORTIE_STORAGE');
const jobs = Number(env['SORTIE_JOBS'] ?? 1);
const worker = await startWorker(
  {
    storage,
    natsUrl: required(env, 'SORTIE_NATS_URL'),
    jobAddress: required(env, 'SORTIE_JOB_ADDRESS'),
    confine: confineSettings(env),
    identity: required(env, 'SORTIE_IDENTITY'),
    workDirectory: env['SORTIE_WORK_DIRECTORY'] ?? join(storage, '.work'),
    run: {
      ffprobe: await findFfprobe({ path: env['SORTIE_FFPROBE'], searched: env['PATH'] }, log),
      engine: engineSettings(env),
      jobMemory: jobMemory(memoryLimit(), jobs),
      budget: jobBudget(env),
    },
    jobs,
    drainMs: Number(env['SORTIE_DRAIN_SECONDS'] ?? 3_600) * 1000,
  },
  log,
  vitals,
);
goOnAfterErrors(log, vitals.registry);
stopsWith(async (hurry) => {
  await worker.stop(hurry);
  await vitalsServer.stop();
});
announce(0, vitalsServer.port);
