// Program: the gateway.
import { readFile } from 'node:fs/promises';
import { AuditLog } from '@sortie/common/audit/audit';
import { deliverTo } from '@sortie/common/audit/deliver';
import { AuditServiceClient } from '@sortie/common/gen/sortie/audit/v1/audit';
import { IngestServiceClient } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { askHealth, connect, transferOptions } from '@sortie/common/grpc';
import { openIdentity } from '@sortie/common/identity/identity';
import { newLogger } from '@sortie/common/log';
import { announce, goOnAfterErrors, stopOnSignal } from '@sortie/common/process';
import { Users } from '@sortie/common/users';
import { newVitals, serveVitals } from '@sortie/common/vitals';
import { newApp } from './app.js';
import { Tokens } from './arcgis/tokens.js';
import { Jobs } from './jobs.js';
import { Provider } from './oidc/provider.js';
import { Rates } from './rates.js';
import { openKeys } from './sessions/keys.js';
import { FileRevocations, OwnRevocations } from './sessions/revocations.js';
import { Sessions } from './sessions/sessions.js';
import { gatewaySettings } from './settings/settings.js';
import { Passwords } from './sign-in/passwords.js';
import { Trail } from './trail.js';

/** Answers that take longer than this after a signal are cut off. */
const stopMs = 600_000;

const { env } = process;
const log = newLogger('gateway', env['SORTIE_LOG_LEVEL']);
const stopsWith = stopOnSignal(log);
const settings = gatewaySettings(env);
const { registry, health } = newVitals();
const vitalsServer = await serveVitals({ registry, health }, env['SORTIE_METRICS_LISTEN'] ?? '127.0.0.1:0', log);
const identity = openIdentity(settings.identity);
const jobClient = connect(JobServiceClient, settings.jobAddress, identity);
const ingest = connect(IngestServiceClient, settings.ingestAddress, identity);
const transfers = connect(IngestServiceClient, settings.ingestAddress, identity, transferOptions);
const auditEvents = connect(AuditServiceClient, settings.jobAddress, identity);
const audit = new AuditLog({
  deliver: deliverTo(auditEvents),
  registry,
  log,
});
const users = new Users(settings.usersFile);
// Users may come later than the gateway; what is wrong with the file is in the log.
await users.refresh().catch(() => undefined);
users.watch(log);
const ring = await openKeys(settings.tokenKeyFile, log);
const revocations =
  settings.revocationsFile === null ? new OwnRevocations() : await FileRevocations.open(settings.revocationsFile, log);
const { oidc } = settings;
const secretFile = oidc?.clientSecretFile ?? null;
const secret = secretFile === null ? null : (await readFile(secretFile, 'utf8')).trim();
const app = newApp(
  {
    jobs: new Jobs(jobClient),
    ingest,
    transfers,
    auditEvents,
    trail: new Trail(audit),
    identity,
    passwords: new Passwords((username, password) => users.check(username, password)),
    sessions: new Sessions({
      tokens: new Tokens(ring.keys),
      find: (username) => users.find(username),
      revocations,
      maxMs: settings.maxTokenMinutes * 60_000,
    }),
    rates: new Rates(settings.maxRequestsPerSecond),
    maxEventStreams: settings.maxEventStreams,
    provider: oidc && new Provider(oidc, secret),
    root: settings.root,
    publicUrl: settings.publicUrl,
    maxUploadBytes: settings.maxUploadBytes,
    maxUnsignedUploadBytes: settings.maxUnsignedUploadBytes,
    health,
    registry,
    log,
  },
  settings.trustProxy,
);
await app.listen(settings.listen);
const address = app.server.address();
const bound = typeof address === 'object' && address !== null ? address.port : settings.listen.port;
// Without them it still tells its clients what is the matter, which a closed door does not.
await Promise.all([
  health.watch({ name: 'job', needed: false, ask: () => askHealth(jobClient) }),
  health.watch({ name: 'ingest', needed: false, ask: () => askHealth(ingest) }),
]);
health.start();
log.info({ port: bound }, 'gateway is up');
goOnAfterErrors(log, registry);
stopsWith(async (hurry) => {
  health.stop();
  const cut = (): void => app.server.closeAllConnections();
  hurry.addEventListener('abort', cut);
  if (hurry.aborted) cut();
  setTimeout(cut, stopMs).unref();
  await app.close();
  await audit.stop();
  auditEvents.close();
  jobClient.close();
  ingest.close();
  transfers.close();
  await vitalsServer.stop();
});
announce(bound, vitalsServer.port);
