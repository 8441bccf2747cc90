// Program: the Ingest API.
import { maxConnectionAgeSeconds } from '@sortie/common/grpc';
import { openIdentity } from '@sortie/common/identity/identity';
import { newLogger } from '@sortie/common/log';
import { announce, goOnAfterErrors, required, stopOnSignal } from '@sortie/common/process';
import { newVitals, serveVitals } from '@sortie/common/vitals';
import { startIngestApi } from './api.js';
import { userLimits } from './limits.js';

const { env } = process;
const log = newLogger('ingest-api', env['SORTIE_LOG_LEVEL']);
const stopsWith = stopOnSignal(log);
const vitals = newVitals();
const vitalsServer = await serveVitals(vitals, env['SORTIE_METRICS_LISTEN'] ?? '127.0.0.1:0', log);

/** 10,000 MB, the most that ArcGIS Video Server can be set to. */
const defaultMaxUploadBytes = 10_000 * 1024 * 1024;

const api = await startIngestApi(
  {
    listen: env['SORTIE_INGEST_LISTEN'] ?? '127.0.0.1:7002',
    storage: required(env, 'SORTIE_STORAGE'),
    jobAddress: required(env, 'SORTIE_JOB_ADDRESS'),
    identity: openIdentity(required(env, 'SORTIE_IDENTITY')),
    maxUploadBytes: Number(env['SORTIE_MAX_UPLOAD_BYTES'] ?? defaultMaxUploadBytes),
    limits: userLimits(env),
    maxConnectionAgeSeconds: maxConnectionAgeSeconds(env),
  },
  log,
  vitals,
);
goOnAfterErrors(log, vitals.registry);
stopsWith(async (hurry) => {
  await api.stop(hurry);
  await vitalsServer.stop();
});
announce(api.port, vitalsServer.port);
