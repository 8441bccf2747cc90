// Streams of gRPC as async iterables. grpc-js tells the end of a stream by several events (`end`, `error`, `cancelled`,
// `status`), in orders that differ by what went wrong; here is the only place that listens to them, so that nothing is
// written after an end, and nothing ends twice.
import { setImmediate, setTimeout as wait } from 'node:timers/promises';
import type {
  ClientReadableStream,
  ClientWritableStream,
  handleClientStreamingCall,
  handleServerStreamingCall,
  ServerWritableStream,
  ServiceError,
} from '@grpc/grpc-js';
import { SortieError, toGrpc } from './errors.js';
import { logInternal } from './grpc.js';
import type { OutsideCall } from './audit/call-event.js';
import type { Logger } from './log.js';

const callerLeft = (): SortieError => new SortieError('CANCELLED', 'The caller went away, or its time was over.');

/**
 * A handler of a server-streaming method. The caller gets each response as it comes, no faster than it reads, then OK or
 * the status of what was thrown. When the caller leaves, `signal` aborts and no further response is asked for: a handler
 * that waits for something must wait for `signal`, too, so that its `finally` runs.
 */
export const serverStream =
  <Request, Response>(
    log: Logger,
    handle: (request: Request, signal: AbortSignal, call: OutsideCall) => AsyncIterable<Response>,
  ): handleServerStreamingCall<Request, Response> =>
  (call) => {
    const left = new AbortController();
    call.once('cancelled', () => left.abort(callerLeft()));
    void (async () => {
      try {
        for await (const response of handle(call.request, left.signal, call)) {
          if (!left.signal.aborted && !call.write(response)) await drained(call, left.signal);
          if (left.signal.aborted) return;
        }
        call.end();
      } catch (thrown) {
        // Nobody is there to be answered.
        if (left.signal.aborted) return;
        logInternal(log, call.getPath(), thrown);
        // grpc-js takes this as the status, behind what was written before (ServerWritableStreamImpl in server-call.ts).
        call.emit('error', toGrpc(thrown));
      }
    })();
  };

const drained = (call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });

const turnsToClose = 4;

/**
 * A handler of a client-streaming method. `messages` ends when the caller has said all (it half-closes), and throws
 * CANCELLED when it goes away. The handler may answer, or throw, before it has read all: the rest is let go.
 */
export const clientStream =
  <Request, Response>(
    log: Logger,
    handle: (messages: AsyncIterable<Request>, signal: AbortSignal, call: OutsideCall) => Promise<Response>,
  ): handleClientStreamingCall<Request, Response> =>
  (call, callback) => {
    const left = new AbortController();
    call.once('cancelled', () => left.abort(callerLeft()));
    async function* messages(): AsyncGenerator<Request, void, undefined> {
      try {
        // A handler that stops reading must not destroy the call: its answer is still to be sent.
        yield* call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request>;
      } catch (error) {
        throw left.signal.aborted ? left.signal.reason : error;
      }
      // A stream that was reset, or whose connection broke, ends first; Node destroys it, which tells that it was cancelled,
      // by setImmediate (Http2Stream.kMaybeDestroy in lib/internal/http2/core.js).
      for (let turn = 0; turn < turnsToClose; turn++) await setImmediate();
      left.signal.throwIfAborted();
    }
    handle(messages(), left.signal, call).then(
      (response) => {
        callback(null, response);
        call.resume();
      },
      (thrown: unknown) => {
        if (!left.signal.aborted) logInternal(log, call.getPath(), thrown);
        callback(toGrpc(thrown));
        call.resume();
      },
    );
  };

export interface StreamLimits {
  /** Ends the stream with CANCELLED. */
  signal?: AbortSignal | undefined;
  /** Ends it with UNAVAILABLE when the server is waited for for so long: that is a server which hangs. */
  stallMs?: number | undefined;
}

export interface WriteLimits extends Pick<StreamLimits, 'stallMs'> {
  /** How long the answer may take once all has been said. */
  answerMs?: number;
}

const stalled = (): SortieError =>
  new SortieError('UNAVAILABLE', 'A service behind this one stopped in the middle; try again.');

/**
 * The messages of a server-streaming call, no faster than they are read. Ends when the server has said all, throws a
 * SortieError for any other status, and cancels the call when it is left early.
 */
export async function* readStream<T>(
  start: () => ClientReadableStream<T>,
  { signal, stallMs }: StreamLimits = {},
): AsyncGenerator<T, void, undefined> {
  if (signal?.aborted === true) throw callerLeft();
  const call = start();
  // The status of a call that was left comes when nobody listens any more; an 'error' without a listener would throw.
  call.on('error', () => undefined);
  const cancel = (): void => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  let stall: NodeJS.Timeout | undefined;
  let hangs = false;
  const watchForStall = (): void => {
    if (stallMs === undefined) return;
    stall = setTimeout(() => {
      hangs = true;
      call.cancel();
    }, stallMs);
  };
  try {
    watchForStall();
    for await (const message of call as AsyncIterable<T>) {
      clearTimeout(stall);
      yield message;
      watchForStall();
    }
  } catch (error) {
    throw hangs ? stalled() : SortieError.from(error);
  } finally {
    clearTimeout(stall);
    signal?.removeEventListener('abort', cancel);
    call.cancel();
  }
}

/** The client's side of a client-streaming call. */
export interface WriteStream<Request, Response> {
  /** Waits while the server does not read; false once it has answered, because nothing more is wanted then. */
  write(message: Request): Promise<boolean>;
  /** All has been said; the answer may still take its time. */
  finish(): void;
  /** Breaks the call off; the answer rejects with CANCELLED. */
  cancel(): void;
  /** Rejects with a SortieError; never counts as unhandled. */
  readonly answer: Promise<Response>;
}

export function writeStream<Request, Response>(
  start: (callback: (error: ServiceError | null, response: Response) => void) => ClientWritableStream<Request>,
  { stallMs, answerMs }: WriteLimits = {},
): WriteStream<Request, Response> {
  let answered = false;
  let hangs = false;
  let wake = (): void => undefined;
  let settle: (error: ServiceError | null, response: Response) => void = () => undefined;
  const answer = new Promise<Response>((resolve, reject) => {
    settle = (error, response) => {
      answered = true;
      wake();
      if (error) reject(hangs ? stalled() : SortieError.from(error));
      else resolve(response);
    };
  });
  answer.catch(() => undefined);
  const call = start((error, response) => settle(error, response));
  call.on('error', () => undefined);
  call.on('drain', () => wake());

  const giveUpAfter = (ms: number | undefined): NodeJS.Timeout | undefined =>
    ms === undefined
      ? undefined
      : setTimeout(() => {
          hangs = true;
          call.cancel();
        }, ms);

  const drain = async (): Promise<void> => {
    const stall = giveUpAfter(stallMs);
    await new Promise<void>((resolve) => {
      wake = resolve;
      // The answer may have come while the message was written.
      if (answered) resolve();
    });
    clearTimeout(stall);
  };

  return {
    answer,
    async write(message) {
      if (answered) return false;
      if (!call.write(message)) await drain();
      return !answered;
    },
    finish: () => {
      if (answered) return;
      call.end();
      const late = giveUpAfter(answerMs);
      const over = (): void => clearTimeout(late);
      answer.then(over, over);
    },
    cancel: () => call.cancel(),
  };
}

const firstWaitMs = 100;
const longestWaitMs = 2_000;

/** What may be gone at the next try: the server went away, or said that a retry helps. */
function mayPass(error: SortieError): boolean {
  return error.retryable || error.code === 'CANCELLED';
}

export interface Resuming<T> {
  /** Begins behind a number: 0 from the first message on. */
  start: (after: number, signal: AbortSignal) => AsyncIterable<T>;
  /** The message's number; undefined for one that has none and is not sent again. */
  sequenceOf: (message: T) => number | undefined;
  after: number;
  signal: AbortSignal;
  /** Hears of each break. */
  onBreak?: (error: SortieError) => void;
}

/**
 * A stream that comes again when it breaks and goes on behind the last message, until it has ended well or `signal` aborts.
 * Throws what a retry does not help against.
 */
export async function* resuming<T>(options: Resuming<T>): AsyncGenerator<T, void, undefined> {
  const { start, sequenceOf, signal, onBreak } = options;
  let { after } = options;
  let waitMs = firstWaitMs;
  while (!signal.aborted) {
    try {
      for await (const message of start(after, signal)) {
        after = sequenceOf(message) ?? after;
        waitMs = firstWaitMs;
        yield message;
      }
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      const error = SortieError.from(thrown);
      if (!mayPass(error)) throw error;
      onBreak?.(error);
    }
    await wait(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(2 * waitMs, longestWaitMs);
  }
}
