// What the gateway is told by its environment. Whatever is wrong with it ends the start with a sentence that says what to write.
import { limitOf } from '@sortie/common/limits';
import { required } from '@sortie/common/process';
import { splitAddress } from '@sortie/common/vitals';
import { oidcSettings, type OidcSettings } from '../oidc/settings.js';
import { parsePublicUrl } from './public-url.js';
import { parseTrustProxy, type TrustProxy } from './trust-proxy.js';

export interface GatewaySettings {
  listen: { host: string; port: number };
  /** Directory of the identity. */
  identity: string;
  jobAddress: string;
  ingestAddress: string;
  usersFile: string;
  tokenKeyFile: string;
  /** Where sign-outs are noted; null to keep them in this process. */
  revocationsFile: string | null;
  /** The longest life of a token. */
  maxTokenMinutes: number;
  /** Null when all users are our own. */
  oidc: OidcSettings | null;
  /** First part of every path, "/arcgis"; "" for none. */
  root: string;
  publicUrl: string | null;
  trustProxy: TrustProxy;
  maxUploadBytes: number;
  maxUnsignedUploadBytes: number;
  /** Of one user. */
  maxRequestsPerSecond: number;
  maxEventStreams: number;
}

/** Each one is a connection here, and a stream of the Job service. */
export const usualEventStreams = 300;

function parseRoot(text: string): string {
  if (/^(\/[A-Za-z0-9._~-]+)*$/.test(text)) return text;
  throw new Error(`SORTIE_ROOT is '${text}'. Write the first part of every path, as /arcgis, or nothing for none.`);
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`${name} is '${text}'. Write a whole number of ${least} or more.`);
}

export function gatewaySettings(env: NodeJS.ProcessEnv): GatewaySettings {
  const listen = splitAddress(env['SORTIE_GATEWAY_LISTEN'] ?? '127.0.0.1:8080');
  return {
    listen,
    identity: required(env, 'SORTIE_IDENTITY'),
    jobAddress: required(env, 'SORTIE_JOB_ADDRESS'),
    ingestAddress: required(env, 'SORTIE_INGEST_ADDRESS'),
    usersFile: required(env, 'SORTIE_USERS_FILE'),
    tokenKeyFile: required(env, 'SORTIE_TOKEN_KEY_FILE'),
    revocationsFile: env['SORTIE_REVOCATIONS_FILE'] ?? null,
    maxTokenMinutes: number('SORTIE_MAX_TOKEN_MINUTES', env['SORTIE_MAX_TOKEN_MINUTES'] ?? '1440', 1),
    oidc: oidcSettings(env),
    root: parseRoot(env['SORTIE_ROOT'] ?? '/arcgis'),
    publicUrl: parsePublicUrl(env['SORTIE_PUBLIC_URL'] ?? '', listen.host),
    trustProxy: parseTrustProxy(env['SORTIE_TRUST_PROXY'] ?? ''),
    maxUploadBytes: number('SORTIE_MAX_UPLOAD_BYTES', env['SORTIE_MAX_UPLOAD_BYTES'] ?? '10485760000', 1),
    maxUnsignedUploadBytes: number(
      'SORTIE_MAX_UNSIGNED_UPLOAD_BYTES',
      env['SORTIE_MAX_UNSIGNED_UPLOAD_BYTES'] ?? '1073741824',
      0,
    ),
    maxRequestsPerSecond: limitOf(env, 'SORTIE_MAX_REQUESTS_PER_SECOND', Infinity),
    maxEventStreams: limitOf(env, 'SORTIE_MAX_EVENT_STREAMS', usualEventStreams),
  };
}
