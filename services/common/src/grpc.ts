// What every gRPC server and client of Sortie has in common.
import { readFileSync } from 'node:fs';
import {
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ChannelCredentials,
  type ClientUnaryCall,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import type { AnyDefinition, PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { HealthImplementation, type ServingStatus } from 'grpc-health-check';
import { SortieError, toGrpc } from './errors.js';
import type { Logger } from './log.js';

/** Chunks of files travel in messages of at most this many bytes. */
export const chunkBytes = 256 * 1024;

export interface RunningServer {
  port: number;
  setServing(serving: boolean): void;
  /** Lets running calls end, then stops; after `graceMs` they are cut off. */
  stop(graceMs?: number): Promise<void>;
}

const descriptors = new URL('../descriptors.binpb', import.meta.url);

/**
 * Starts `server` with health checking (grpc.health.v1) and reflection for the named service. `address` is host:port,
 * port 0 for any free one.
 */
export async function startServer(server: Server, service: string, address: string): Promise<RunningServer> {
  const reflection = new ReflectionService(reflected(), { services: [service, 'grpc.health.v1.Health'] });
  reflection.addToServer(server);
  const health = new HealthImplementation({ '': 'SERVING', [service]: 'SERVING' });
  health.addToServer(server);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const setServing = (serving: boolean): void => {
    const status: ServingStatus = serving ? 'SERVING' : 'NOT_SERVING';
    health.setStatus('', status);
    health.setStatus(service, status);
  };
  return {
    port,
    setServing,
    stop: (graceMs = 5_000) =>
      new Promise((resolve) => {
        setServing(false);
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

export const newServer = (): Server => new Server({ 'grpc.max_receive_message_length': 4 * 1024 * 1024 });

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

/** Clients find each other again quickly after a restart. */
export const clientOptions = { 'grpc.max_reconnect_backoff_ms': 1_000, 'grpc.initial_reconnect_backoff_ms': 100 };

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
