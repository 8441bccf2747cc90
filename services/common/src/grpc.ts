// What every gRPC server and client of Sortie has in common.
import { readFileSync } from 'node:fs';
import {
  Metadata,
  Server,
  type ChannelCredentials,
  type Client,
  type ClientOptions,
  type ClientUnaryCall,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import type { AnyDefinition, PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { HealthImplementation } from 'grpc-health-check';
import { SortieError, toGrpc } from './errors.js';
import { noAudit, type Audit } from './audit/audit.js';
import { measureCalls } from './grpc-metrics.js';
import { guard } from './identity/guard.js';
import type { Identity } from './identity/identity.js';
import type { Logger } from './log.js';
import { splitAddress, type Vitals } from './vitals.js';

/** Chunks of files travel in messages of at most this many bytes. */
export const chunkBytes = 256 * 1024;

export interface RunningServer {
  port: number;
  /** Lets running calls end, then stops; after `graceMs`, or when `hurry` aborts, they are cut off. */
  stop(graceMs?: number, hurry?: AbortSignal): Promise<void>;
}

const descriptors = new URL('../descriptors.binpb', import.meta.url);

/** Under this name grpc.health.v1 says SERVING as long as the process can say anything. */
export const liveness = 'liveness';

/** Nobody on another machine reaches these. */
const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);

/**
 * Starts `server` with health checking (grpc.health.v1) and reflection for the named service. The whole server (``) and
 * the service are SERVING when the process is ready; each dependency has its own name. `address` is host:port, port 0 for
 * any free one; `beside` names other services of the same server. Throws where others could listen in, or could come in as anybody.
 */
export async function startServer(
  server: Server,
  service: string,
  address: string,
  { health }: Pick<Vitals, 'health'>,
  identity: Identity,
  beside: readonly string[] = [],
): Promise<RunningServer> {
  if (!identity.encrypted && !isLoopback(splitAddress(address).host)) {
    throw new Error(
      `${address} can be reached from other machines, which takes certificates: put tls.crt, tls.key and ca.crt into the directory of SORTIE_IDENTITY, or listen on 127.0.0.1.`,
    );
  }
  const reflection = new ReflectionService(reflected(), { services: [service, ...beside, 'grpc.health.v1.Health'] });
  reflection.addToServer(server);
  const told = new HealthImplementation({ [liveness]: 'SERVING' });
  told.addToServer(server);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, identity.serverCredentials(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  health.onChange(() => {
    const tell = (name: string, good: boolean): void => told.setStatus(name, good ? 'SERVING' : 'NOT_SERVING');
    for (const name of ['', service]) tell(name, health.ready);
    for (const [name, up] of health.state) tell(name, up);
  });
  return {
    port,
    stop: (graceMs = 5_000, hurry) =>
      new Promise((resolve) => {
        const cut = (): void => server.forceShutdown();
        const force = setTimeout(cut, graceMs);
        hurry?.addEventListener('abort', cut);
        server.tryShutdown(() => {
          clearTimeout(force);
          hurry?.removeEventListener('abort', cut);
          resolve();
        });
        if (hurry?.aborted === true) cut();
      }),
  };
}

/**
 * What reflection tells: the files as buf compiled them. Going through proto-loader's own reading would merge the files of
 * a package into one that has lost its services.
 */
function reflected(): PackageDefinition {
  const reader = new BinaryReader(readFileSync(descriptors));
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    // FileDescriptorSet: field 1, length-delimited, again and again.
    reader.uint32();
    files.push(Buffer.from(reader.bytes()));
  }
  const all = { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos: files } as AnyDefinition;
  return { all };
}

const defaultConnectionAgeSeconds = 300;

export const newServer = (
  { registry }: Pick<Vitals, 'registry'>,
  identity: Identity,
  log: Logger,
  maxConnectionAgeSeconds = defaultConnectionAgeSeconds,
  audit: Audit = noAudit,
): Server =>
  new Server({
    'grpc.max_receive_message_length': 4 * 1024 * 1024,
    // Clients then look again who is there: servers that have come since get their share. Running calls go on.
    'grpc.max_connection_age_ms': maxConnectionAgeSeconds * 1_000,
    interceptors: [measureCalls(registry), guard(identity, log, audit)],
  });

/** SORTIE_MAX_CONNECTION_AGE_SECONDS. Throws when it is no number of seconds. */
export function maxConnectionAgeSeconds(env: NodeJS.ProcessEnv): number {
  const text = env['SORTIE_MAX_CONNECTION_AGE_SECONDS'] ?? '';
  const seconds = text === '' ? defaultConnectionAgeSeconds : Number(text);
  if (!(seconds >= 1)) throw new Error(`SORTIE_MAX_CONNECTION_AGE_SECONDS is "${text}"; it must be 1 or more seconds.`);
  return seconds;
}

/** A unary handler from a plain async function; what it throws becomes a status with details. */
export const unary =
  <Request, Response>(
    log: Logger,
    handle: (request: Request, call: ServerUnaryCall<Request, Response>) => Promise<Response>,
  ): handleUnaryCall<Request, Response> =>
  (call, callback) => {
    handle(call.request, call).then(
      (response) => callback(null, response),
      (thrown: unknown) => {
        logInternal(log, call.getPath(), thrown);
        callback(toGrpc(thrown));
      },
    );
  };

/** Errors of the caller are the caller's; those of ours belong into the log. */
export function logInternal(log: Logger, path: string, thrown: unknown): void {
  const error = SortieError.from(thrown);
  if (error.code === 'INTERNAL' || error.code === 'STORAGE_FAILED')
    log.error({ path, err: error.cause ?? error }, 'call failed');
}

/**
 * Calls go round all servers behind an address (a name with several addresses as `dns:///job:7001`, or
 * `ipv4:10.0.0.1:7001,10.0.0.2:7001`), so that each does its share and the rest goes on when one goes. A call that finds
 * nobody, or whose server goes away before it answers, is made again. That is harmless but for one: an attempt must not
 * end twice.
 */
const serviceConfig = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [
        { service: 'sortie.job.v1.JobService' },
        { service: 'sortie.ingest.v1.IngestService' },
        { service: 'sortie.audit.v1.AuditService' },
      ],
      // The waits are random, up to 0.3 s, 0.6 s, 1.2 s and 2 s; a connection is tried anew after a second at most.
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: '0.3s',
        maxBackoff: '2s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
    {
      name: [{ service: 'sortie.job.v1.JobService', method: 'FinishAttempt' }],
    },
  ],
};

/** Clients find their servers again quickly after a restart. */
const reconnectOptions = {
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  // When a pod goes, the name soon stands for another one; the library's own patience is half a minute.
  'grpc.dns_min_time_between_resolutions_ms': 2_000,
  'grpc.service_config': JSON.stringify(serviceConfig),
};

/**
 * For short calls, and for watches, which come again when they break. A machine that vanishes says no goodbye, and one that
 * hangs keeps its connections: whoever answers no ping for 6 s is left out. It gets no calls until it answers again, because
 * a connection counts only once the server's settings have come (Http2SubchannelConnector.createSession in transport.ts).
 */
export const clientOptions = {
  ...reconnectOptions,
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 4_000,
  'grpc.keepalive_permit_without_calls': 1,
};

/**
 * For uploads and downloads, which may take hours. They have no pings: once the server has sent the GOAWAY of its maximum
 * connection age, Node refuses to ping in the session that drains, and grpc-js takes that for a lost connection and cuts
 * the calls that run in it (github.com/grpc/grpc-node/issues/3068). A server that hangs is noticed by `stallMs`, see
 * grpc-stream.ts.
 */
export const transferOptions = reconnectOptions;

type ClientClass<C> = new (address: string, credentials: ChannelCredentials, options: ClientOptions) => C;

/** A client of the service at `address`, which shows who we are. */
export const connect = <C>(
  Client: ClientClass<C>,
  address: string,
  { channelCredentials, present }: Identity,
  options: ClientOptions = clientOptions,
): C => new Client(address, channelCredentials, { ...options, interceptors: [...present] });

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

const usualMs = 10_000;

export interface CallOptions {
  timeoutMs?: number;
  /** For whom, by Identity.speakFor. */
  speaking?: Metadata;
}

/** Calls a unary method; rejects with a SortieError. Bind the method: `call(client.getJob.bind(client), request)`. */
export const call = <Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  { timeoutMs = usualMs, speaking = new Metadata() }: CallOptions = {},
): Promise<Response> =>
  new Promise((resolve, reject) =>
    method(request, speaking, { deadline: Date.now() + timeoutMs }, (error, response) =>
      error ? reject(SortieError.from(error)) : resolve(response),
    ),
  );

/** How long the tries of a read may take. The first is short, because another server may be quicker. */
const readTriesMs = [3_000, 7_000] as const;

/** As `call`, for methods that only read: when a server does not answer, the next one is asked. */
export const read = <Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  options: Pick<CallOptions, 'speaking'> = {},
): Promise<Response> => twice(readTriesMs, (timeoutMs) => call(method, request, { ...options, timeoutMs }));

/** A second try, at the next server, when there was no answer to the first. */
async function twice<T>(
  [first, second]: readonly [number, number],
  ask: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  try {
    return await ask(first);
  } catch (error) {
    if (SortieError.from(error).code !== 'UNAVAILABLE') throw error;
    return ask(second);
  }
}

/** What grpc.health.v1 answers when all is well: status (field 1) SERVING (1). */
const serving = Buffer.from([0x08, 0x01]);
const healthTriesMs = [1_500, 1_500] as const;

/** Asks one of the servers behind `client`, and another one if that does not answer, whether it serves. Rejects unless it does. */
export const askHealth = (client: Client): Promise<void> =>
  twice(healthTriesMs, async (timeoutMs) => {
    const answer = await call(healthCheck(client), Buffer.alloc(0), { timeoutMs }); // no name: the server as a whole
    if (!answer.equals(serving)) throw new SortieError('UNAVAILABLE', 'The service is up, but not ready to serve.');
  });

const healthCheck =
  (client: Client): UnaryMethod<Buffer, Buffer> =>
  (request, metadata, options, callback) =>
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (message: Buffer) => message,
      (message) => message,
      request,
      metadata,
      options,
      // Without an error there is an answer.
      (error, response) => callback(error, response ?? Buffer.alloc(0)),
    );
