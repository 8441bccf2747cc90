// Program: the Job service.
import { setTimeout } from 'node:timers/promises';
import { maxConnectionAgeSeconds } from '@sortie/common/grpc';
import { openIdentity } from '@sortie/common/identity/identity';
import { natsLogin } from '@sortie/common/identity/nats-login';
import { newLogger } from '@sortie/common/log';
import { announce, goOnAfterErrors, required, stopOnSignal } from '@sortie/common/process';
import { newVitals, serveVitals } from '@sortie/common/vitals';
import { jobLimits } from './limits.js';
import { startJobService } from './service.js';

const handBackMs = 3_000;

const { env } = process;
const log = newLogger('job', env['SORTIE_LOG_LEVEL']);
const stopsWith = stopOnSignal(log);
const vitals = newVitals();
const vitalsServer = await serveVitals(vitals, env['SORTIE_METRICS_LISTEN'] ?? '127.0.0.1:0', log);
const identity = required(env, 'SORTIE_IDENTITY');
const service = await startJobService(
  {
    listen: env['SORTIE_JOB_LISTEN'] ?? '127.0.0.1:7001',
    database: required(env, 'SORTIE_DATABASE'),
    natsUrl: required(env, 'SORTIE_NATS_URL'),
    identity: openIdentity(identity),
    natsLogin: natsLogin(identity),
    limits: jobLimits(env),
    natsReplicas: Number(env['SORTIE_NATS_REPLICAS'] ?? 1),
    maxConnectionAgeSeconds: maxConnectionAgeSeconds(env),
  },
  log,
  vitals,
);
goOnAfterErrors(log, vitals.registry);
stopsWith(async (hurry, reason) => {
  // Workers of the same parent are going at the same time, and hand their work back to us.
  if (reason === 'parent gone') await setTimeout(handBackMs);
  await service.stop(hurry);
  await vitalsServer.stop();
});
announce(service.port, vitalsServer.port);
