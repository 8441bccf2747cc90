// Streams over real sockets, with everything that ends one: the server, its death, an error, the caller.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SortieError } from './errors.js';
import { freePort } from './free-port.js';
import {
  IngestServiceClient,
  IngestServiceService,
  type IngestServiceServer,
  type ReadLayerFileRequest,
  type ReadLayerFileResponse,
  type UploadFileRequest,
  type UploadFileResponse,
} from './gen/sortie/ingest/v1/ingest.js';
import { connect } from './grpc.js';
import { identity } from './testing/identities.js';
import { clientStream, readStream, resuming, serverStream, writeStream } from './grpc-stream.js';
import { newLogger } from './log.js';

type Read = (request: ReadLayerFileRequest, signal: AbortSignal) => AsyncIterable<ReadLayerFileResponse>;
type Upload = (messages: AsyncIterable<UploadFileRequest>, signal: AbortSignal) => Promise<UploadFileResponse>;

interface Peer {
  port: number;
  client: IngestServiceClient;
  /** Cuts all connections. */
  cut(): void;
  stop(): void;
}

const log = newLogger('test', 'silent');
const noUpload: Upload = () => Promise.reject(SortieError.field('upload', 'is not part of this test'));
const noRead: Read = () => {
  throw SortieError.field('read', 'is not part of this test');
};

async function listen(handlers: { read?: Read; upload?: Upload }, wanted = 0): Promise<Peer> {
  const server = new Server();
  server.addService(IngestServiceService, {
    readLayerFile: serverStream(log, handlers.read ?? noRead),
    uploadFile: clientStream(log, handlers.upload ?? noUpload),
  } as Partial<IngestServiceServer> as IngestServiceServer);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${wanted}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const client = connect(IngestServiceClient, `127.0.0.1:${port}`, identity('operator'));
  return {
    port,
    client,
    cut: () => server.forceShutdown(),
    stop: () => {
      client.close();
      server.forceShutdown();
    },
  };
}

const asked = (offset = 0): ReadLayerFileRequest => ({ serviceName: 's', layerId: 0, path: 'p', offset, length: undefined }); // prettier-ignore
const numbered = (number: number, padding = 0): ReadLayerFileResponse => ({
  part: { $case: 'data', value: Buffer.concat([Buffer.from(`${number} `), Buffer.alloc(padding)]) },
});
const numberOf = ({ part }: ReadLayerFileResponse): number =>
  part?.$case === 'data' ? parseInt(Buffer.from(part.value.subarray(0, 12)).toString(), 10) : -1;
const readFrom = (client: IngestServiceClient, signal?: AbortSignal, offset = 0): AsyncGenerator<ReadLayerFileResponse> =>
  readStream(() => client.readLayerFile(asked(offset)), { signal }); // prettier-ignore

/** What came, and the code of the error that ended it; empty when it ended well. */
async function all(stream: AsyncIterable<ReadLayerFileResponse>): Promise<[number[], string]> {
  const seen: number[] = [];
  try {
    for await (const message of stream) seen.push(numberOf(message));
    return [seen, ''];
  } catch (error) {
    assert.instance(error, SortieError);
    return [seen, (error as SortieError).code];
  }
}

async function until(what: string, come: () => boolean): Promise<void> {
  for (let round = 0; !come(); round++) {
    assert.ok(round < 1_000, `never came about: ${what}`);
    await setTimeout(10);
  }
}

/** Any of these is the end of a process; here it is the end of the test. */
const uncaught: unknown[] = [];
process.on('uncaughtException', (error) => uncaught.push(error));
process.on('unhandledRejection', (error) => uncaught.push(error));

const it = suite('gRPC streams');
it.after.each(async () => {
  // What comes late, comes now.
  await setTimeout(20);
  assert.equal(uncaught.splice(0), []);
});

it('all messages come, then the end', async () => {
  const peer = await listen({
    read: async function* () {
      for (let number = 1; number <= 100; number++) yield await Promise.resolve(numbered(number));
    },
  });
  const [seen, code] = await all(readFrom(peer.client));
  assert.equal([seen.length, seen.at(-1), code], [100, 100, '']);
  peer.stop();
});

it('an error before and behind messages is the status, and the messages come first', async () => {
  for (const messages of [0, 3]) {
    const peer = await listen({
      read: async function* () {
        for (let number = 1; number <= messages; number++) yield await Promise.resolve(numbered(number));
        throw new SortieError('DISK_FULL', 'full');
      },
    });
    const [seen, code] = await all(readFrom(peer.client));
    assert.equal([seen.length, code], [messages, 'DISK_FULL']);
    peer.stop();
  }
});

it('a connection that is cut in the middle is an error, once', async () => {
  let waits = false;
  const peer = await listen({
    read: async function* (_, signal) {
      yield numbered(1);
      waits = true;
      await once(signal, 'abort');
    },
  });
  const reading = all(readFrom(peer.client));
  await until('the first message is sent', () => waits);
  peer.cut();
  const [seen, code] = await reading;
  assert.equal(seen, [1]);
  assert.is.not(code, '');
  peer.stop();
});

it('a caller that leaves, or aborts, runs the handler to its finally', async () => {
  let begun = 0;
  let over = 0;
  const peer = await listen({
    read: async function* (_, signal) {
      begun++;
      try {
        yield numbered(1);
        await once(signal, 'abort');
      } finally {
        over++;
      }
    },
  });
  for await (const message of readFrom(peer.client)) {
    assert.is(numberOf(message), 1);
    break;
  }
  await until('the handler is over', () => over === 1);
  const aborting = new AbortController();
  const reading = all(readFrom(peer.client, aborting.signal));
  await until('the second handler has begun', () => begun === 2);
  aborting.abort();
  assert.is((await reading)[1], 'CANCELLED');
  await until('the second handler is over', () => over === 2);
  assert.is((await all(readFrom(peer.client, AbortSignal.abort())))[1], 'CANCELLED');
  assert.is(begun, 2, 'nobody was asked');
  peer.stop();
});

it('a slow reader holds the handler back, and misses nothing', async () => {
  const messages = 200;
  const size = 256 * 1024;
  let sent = 0;
  const peer = await listen({
    read: async function* () {
      for (; sent < messages; sent++) yield await Promise.resolve(numbered(sent + 1, size));
    },
  });
  const seen: number[] = [];
  for await (const message of readFrom(peer.client)) {
    seen.push(numberOf(message));
    if (seen.length === 1) {
      // As long as nobody reads on, the windows and buffers fill, and then nothing more is asked for.
      let before = -1;
      while (before !== sent) {
        before = sent;
        await setTimeout(200);
      }
      assert.ok(sent < messages, `${sent} of ${messages} messages were taken without being read`);
    }
  }
  assert.equal(
    seen,
    Array.from({ length: messages }, (_, index) => index + 1),
  );
  peer.stop();
});

const header: UploadFileRequest = {
  part: { $case: 'header', value: { fileName: 'a.ts', description: '', owner: 'ana' } },
};
const data = (bytes: number): UploadFileRequest => ({ part: { $case: 'data', value: Buffer.alloc(bytes) } });
const uploadTo = ({ client }: Peer) =>
  writeStream<UploadFileRequest, UploadFileResponse>((callback) => client.uploadFile(callback));

it('an upload is read to its half-close, and answered', async () => {
  const peer = await listen({
    upload: async (messages) => {
      let count = 0;
      for await (const _ of messages) count++;
      throw SortieError.field('count', `is ${count}`);
    },
  });
  const stream = uploadTo(peer);
  for (let round = 0; round < 50; round++) assert.is(await stream.write(data(100_000)), true);
  stream.finish();
  const error = await stream.answer.catch((thrown: unknown) => thrown as SortieError);
  assert.is((error as SortieError).message, 'count: is 50');
  assert.is(await stream.write(header), false);
  peer.stop();
});

it('a server that answers early gets no more than is on the way', async () => {
  const peer = await listen({
    upload: async (messages) => {
      for await (const _ of messages) throw new SortieError('UPLOAD_TOO_LARGE', 'enough');
      throw new SortieError('INTERNAL', 'nothing came');
    },
  });
  const stream = uploadTo(peer);
  let sent = 0;
  while (await stream.write(data(256 * 1024))) {
    sent++;
    assert.ok(sent < 10_000, 'it never heard of the answer');
  }
  stream.finish();
  assert.is(((await stream.answer.catch((error: unknown) => error)) as SortieError).code, 'UPLOAD_TOO_LARGE');
  peer.stop();
});

it('a sender that goes away is told apart from one that has said all', async () => {
  const outcomes: string[] = [];
  const peer = await listen({
    upload: async (messages, signal) => {
      try {
        for await (const _ of messages) outcomes.push('message');
        outcomes.push('end');
      } catch (error) {
        outcomes.push((error as SortieError).code, String(signal.aborted));
      }
      throw SortieError.field('x', 'is refused');
    },
  });
  const finished = uploadTo(peer);
  await finished.write(header);
  finished.finish();
  await finished.answer.catch(() => undefined);
  assert.equal(outcomes.splice(0), ['message', 'end']);

  const cancelled = uploadTo(peer);
  await cancelled.write(header);
  await until('the header came', () => outcomes.length === 1);
  cancelled.cancel();
  assert.is(((await cancelled.answer.catch((error: unknown) => error)) as SortieError).code, 'CANCELLED');
  await until('the server knows', () => outcomes.length === 3);
  assert.equal(outcomes.splice(0), ['message', 'CANCELLED', 'true']);

  // A process that is killed: its socket is closed, and no frame says why.
  const child = fork(fileURLToPath(new URL('./testing/dying-uploader.js', import.meta.url)), [String(peer.port)]);
  await until('the header of the child came', () => outcomes.length === 1);
  child.kill('SIGKILL');
  await until('the server knows', () => outcomes.length === 3);
  assert.equal(outcomes, ['message', 'CANCELLED', 'true']);
  peer.stop();
});

it('a watch goes on behind the last message when its server is killed, and comes back', async () => {
  const last = 6;
  const asks: number[] = [];
  let mayEnd = false;
  const read: Read = async function* ({ offset }, signal) {
    asks.push(offset);
    for (let number = offset + 1; number <= last; number++) {
      if (number % 3 === 0 && !mayEnd) await once(signal, 'abort');
      yield numbered(number);
    }
  };
  const port = await freePort();
  let peer = await listen({ read }, port);
  const client = connect(IngestServiceClient, `127.0.0.1:${port}`, identity('operator'));
  const breaks: string[] = [];
  const seen: number[] = [];
  const watching = (async () => {
    const stream = resuming({
      start: (after, signal) => readFrom(client, signal, after),
      sequenceOf: numberOf,
      after: 0,
      signal: new AbortController().signal,
      onBreak: ({ code }) => breaks.push(code),
    });
    for await (const message of stream) seen.push(numberOf(message));
  })();
  await until('two messages came', () => seen.length === 2);
  peer.stop();
  await until('the break was seen', () => breaks.length > 0);
  mayEnd = true;
  peer = await listen({ read }, port);
  await watching;
  assert.equal(seen, [1, 2, 3, 4, 5, 6]);
  assert.equal([asks[0], asks.at(-1)], [0, 2]);
  client.close();
  peer.stop();
});

it('a watch throws what a retry does not help against, and ends when it is told to', async () => {
  const peer = await listen({
    read: async function* () {
      await Promise.resolve();
      yield numbered(1);
      throw new SortieError('NOT_FOUND', 'gone');
    },
  });
  const options = { sequenceOf: numberOf, after: 0 };
  const start = (after: number, signal: AbortSignal) => readFrom(peer.client, signal, after);
  assert.equal(await all(resuming({ ...options, start, signal: new AbortController().signal })), [[1], 'NOT_FOUND']);
  peer.stop();
  const aborting = new AbortController();
  const closed = connect(IngestServiceClient, `127.0.0.1:${peer.port}`, identity('operator'));
  const waiting = all(
    resuming({
      ...options,
      start: (after, signal) => readFrom(closed, signal, after),
      signal: aborting.signal,
      onBreak: () => aborting.abort(),
    }),
  );
  assert.equal(await waiting, [[], '']);
  closed.close();
});

it.run();
