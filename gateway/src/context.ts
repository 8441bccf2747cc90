// What the routes share.
import type { FastifyRequest } from 'fastify';
import type { AuditServiceClient } from '@sortie/common/gen/sortie/audit/v1/audit';
import type { IngestServiceClient } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Health } from '@sortie/common/health';
import type { Identity } from '@sortie/common/identity/identity';
import type { Logger } from '@sortie/common/log';
import type { Registry } from 'prom-client';
import type { Jobs } from './jobs.js';
import type { Provider } from './oidc/provider.js';
import type { Rates } from './rates.js';
import type { Sessions } from './sessions/sessions.js';
import { localOrigin } from './settings/public-url.js';
import type { Passwords } from './sign-in/passwords.js';
import type { Trail } from './trail.js';

export interface Context {
  jobs: Jobs;
  ingest: IngestServiceClient;
  /** The same service for uploads and downloads. */
  transfers: IngestServiceClient;
  /** The audit log of the Job service, to be read. */
  auditEvents: AuditServiceClient;
  /** What users do goes into the audit log. */
  trail: Trail;
  identity: Pick<Identity, 'speakFor' | 'statementFor'>;
  passwords: Passwords;
  sessions: Sessions;
  rates: Rates;
  /** Event streams that one user may have open. */
  maxEventStreams: number;
  /** Null when all users are our own. */
  provider: Provider | null;
  /** First part of every path, e.g. "/arcgis". */
  root: string;
  /** Public address of the gateway without a path; null where only this machine can reach it. */
  publicUrl: string | null;
  /** Largest upload, bytes. */
  maxUploadBytes: number;
  /** Largest upload whose token stands behind its file, bytes; 0 to take none. */
  maxUnsignedUploadBytes: number;
  /** Watches the services as `job` and `ingest`. */
  health: Health;
  /** Where requests are counted. */
  registry: Registry;
  log: Logger;
}

/** `https://host`: the public address; without one, what this machine is called. */
export const originOf = ({ publicUrl }: Context, { host, socket }: FastifyRequest): string =>
  publicUrl ?? localOrigin(host, socket.localPort ?? 0);

/** `https://host/arcgis`, as the caller reaches it. */
export const baseUrl = (context: Context, request: FastifyRequest): string =>
  `${originOf(context, request)}${context.root}`;
