// Program: the Job service.
import { newLogger } from '@sortie/common/log';
import { announce, required, stopOnSignal } from '@sortie/common/process';
import { startJobService } from './service.js';

const log = newLogger('job', process.env['SORTIE_LOG_LEVEL']);
const service = await startJobService(
  {
    listen: process.env['SORTIE_JOB_LISTEN'] ?? '127.0.0.1:7001',
    database: required(process.env, 'SORTIE_DATABASE'),
    natsUrl: required(process.env, 'SORTIE_NATS_URL'),
  },
  log,
);
stopOnSignal(log, () => service.stop());
announce(service.port);
