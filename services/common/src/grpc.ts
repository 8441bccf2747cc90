// What every gRPC server and client of Sortie has in common.
import { readFileSync } from 'node:fs';
import {
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ChannelCredentials,
  type Client,
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
import { measureCalls } from './grpc-metrics.js';
import type { Logger } from './log.js';
import type { Vitals } from './vitals.js';

/** Chunks of files travel in messages of at most this many bytes. */
export const chunkBytes = 256 * 1024;

export interface RunningServer {
  port: number;
  /** Lets running calls end, then stops; after `graceMs` they are cut off. */
  stop(graceMs?: number): Promise<void>;
}

const descriptors = new URL('../descriptors.binpb', import.meta.url);

/** Under this name grpc.health.v1 says SERVING as long as the process can say anything: for liveness probes. */
export const liveness = 'liveness';

/**
 * Starts `server` with health checking (grpc.health.v1) and reflection for the named service. The whole server (``) and
 * the service are SERVING when the process is ready; each dependency has its own name. `address` is host:port, port 0 for
 * any free one.
 */
export async function startServer(
  server: Server,
  service: string,
  address: string,
  { health }: Pick<Vitals, 'health'>,
): Promise<RunningServer> {
  const reflection = new ReflectionService(reflected(), { services: [service, 'grpc.health.v1.Health'] });
  reflection.addToServer(server);
  const told = new HealthImplementation({ [liveness]: 'SERVING' });
  told.addToServer(server);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  health.onChange(() => {
    const tell = (name: string, good: boolean): void => told.setStatus(name, good ? 'SERVING' : 'NOT_SERVING');
    for (const name of ['', service]) tell(name, health.ready);
    for (const [name, up] of health.state) tell(name, up);
  });
  return {
    port,
    stop: (graceMs = 5_000) =>
      new Promise((resolve) => {
        const force = setTimeout(() => server.forceShutdown(), graceMs);
        server.tryShutdown(() => {
          clearTimeout(force);
          resolve();
        });
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

export const newServer = ({ registry }: Pick<Vitals, 'registry'>): Server =>
  new Server({
    'grpc.max_receive_message_length': 4 * 1024 * 1024,
    // Clients then look again who is there: servers that have come since get their share. Running calls go on.
    'grpc.max_connection_age_ms': 300_000,
    interceptors: [measureCalls(registry)],
  });

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

export const clientCredentials = (): ChannelCredentials => credentials.createInsecure();

/**
 * Calls go round all servers behind an address (a name with several addresses as `dns:///job:7001`, or
 * `ipv4:10.0.0.1:7001,10.0.0.2:7001`), so that each does its share and the rest goes on when one goes. A call that finds
 * nobody, or whose server goes away before it answers, is made again. That is harmless but for two: an attempt must not
 * begin or end twice.
 */
const serviceConfig = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{ service: 'sortie.job.v1.JobService' }, { service: 'sortie.ingest.v1.IngestService' }],
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
      name: ['StartAttempt', 'FinishAttempt'].map((method) => ({ service: 'sortie.job.v1.JobService', method })),
    },
  ],
};

/** Clients find their servers again quickly after a restart. */
export const clientOptions = {
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  // When a pod goes, the name soon stands for another one; the library's own patience is half a minute.
  'grpc.dns_min_time_between_resolutions_ms': 2_000,
  // A machine that vanishes says no goodbye.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.service_config': JSON.stringify(serviceConfig),
};

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Calls a unary method; rejects with a SortieError. Bind the method: `call(client.getJob.bind(client), request)`. */
export const call = <Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  timeoutMs = 10_000,
): Promise<Response> =>
  new Promise((resolve, reject) =>
    method(request, new Metadata(), { deadline: Date.now() + timeoutMs }, (error, response) =>
      error ? reject(SortieError.from(error)) : resolve(response),
    ),
  );

/** What grpc.health.v1 answers when all is well: status (field 1) SERVING (1). */
const serving = Buffer.from([0x08, 0x01]);

/** Asks the server that `client` is connected to whether it serves. Rejects unless it does. */
export const askHealth = (client: Client): Promise<void> =>
  new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (request: Buffer) => request,
      (response) => response,
      Buffer.alloc(0), // no name: the server as a whole
      new Metadata(),
      { deadline: Date.now() + 1_500 },
      (error, response) => {
        if (response?.equals(serving)) resolve();
        else reject(error ?? new Error('it does not serve'));
      },
    ),
  );
