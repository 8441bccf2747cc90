// Program: brings the schema of the job store's database up to date, and ends. Runs before Job services of a new version start.
import { newLogger } from '@sortie/common/log';
import { required } from '@sortie/common/process';
import { migrateDatabase } from './service.js';

const { env } = process;
await migrateDatabase(required(env, 'SORTIE_DATABASE'), newLogger('migrate', env['SORTIE_LOG_LEVEL']));
