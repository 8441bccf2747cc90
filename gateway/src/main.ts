// Program: the gateway.
import { readFile } from 'node:fs/promises';
import { IngestServiceClient } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { clientCredentials, clientOptions } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { announce, required, stopOnSignal } from '@sortie/common/process';
import { Users } from '@sortie/common/users';
import { newApp } from './app.js';
import { Tokens } from './arcgis/tokens.js';
import { Jobs } from './jobs.js';

const { env } = process;
const log = newLogger('gateway', env['SORTIE_LOG_LEVEL']);
const jobClient = new JobServiceClient(required(env, 'SORTIE_JOB_ADDRESS'), clientCredentials(), clientOptions);
const ingest = new IngestServiceClient(required(env, 'SORTIE_INGEST_ADDRESS'), clientCredentials(), clientOptions);
const app = await newApp(
  {
    jobs: new Jobs(jobClient),
    ingest,
    users: new Users(required(env, 'SORTIE_USERS_FILE')),
    tokens: new Tokens(await readFile(required(env, 'SORTIE_TOKEN_KEY_FILE'))),
    root: env['SORTIE_ROOT'] ?? '/arcgis',
    publicUrl: env['SORTIE_PUBLIC_URL'] ?? null,
    maxUploadBytes: Number(env['SORTIE_MAX_UPLOAD_BYTES'] ?? 10_000 * 1024 * 1024),
    log,
  },
  env['SORTIE_TRUST_PROXY'] === 'true',
);
const [host = '127.0.0.1', port = '8080'] = (env['SORTIE_GATEWAY_LISTEN'] ?? '127.0.0.1:8080').split(/:(?=\d+$)/);
await app.listen({ host, port: Number(port) });
const address = app.server.address();
const bound = typeof address === 'object' && address !== null ? address.port : Number(port);
log.info({ port: bound }, 'gateway is up');
stopOnSignal(log, async () => {
  await app.close();
  jobClient.close();
  ingest.close();
});
announce(bound);
