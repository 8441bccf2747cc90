// Server-sent events (HTML standard, section 9.2): an answer that goes on for as long as there is something to tell.
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { RestError } from './arcgis/errors.js';

/** A comment now and then keeps proxies from closing a quiet stream, and tells a client that somebody is there. */
const keepAliveMs = 15_000;
/** How long a client waits before it comes back. */
const retryFrame = 'retry: 1000\n\n';
/** The longest time that a timer of Node takes, 24 days. */
const longestMs = 2 ** 31 - 1;
/** Streams of one user in one gateway: each one is a connection here, and a stream of the Job service. */
export const streamsPerUser = 300;

/** What one event looks like on the wire; `id` is what a client comes back with as Last-Event-ID. */
export const eventFrame = (name: string, data: string, id?: number): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${data}\n\n`;

const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' };

/** Makes an EventSource come again: to it, any other status or type is final. */
export function sendComeAgain(reply: FastifyReply): void {
  void reply.headers(headers).send(retryFrame);
}

/** Frames as they come, with comments in between. */
async function* withKeepAlive(frames: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  yield retryFrame;
  const iterator = frames[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const quiet = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), keepAliveMs);
      });
      const frame = await Promise.race([next, quiet]).finally(() => clearTimeout(timer));
      if (frame?.done === true) return;
      if (frame === null) {
        yield ': still here\n\n';
      } else {
        yield frame.value;
        next = iterator.next();
      }
    }
  } finally {
    await iterator.return?.();
  }
}

export interface EventStreamRequest {
  username: string;
  /** When the token of the caller ends, and the stream with it; epoch milliseconds. */
  expires: number;
  /** Must end when `signal` aborts, and throw nothing. */
  frames: (signal: AbortSignal) => AsyncIterable<string>;
}

/** The streams that a gateway holds. */
export class EventStreams {
  private readonly going = new AbortController();
  private readonly open = new Map<string, number>();

  /** Ends all; their clients come back with Last-Event-ID, to another gateway. */
  stop(): void {
    this.going.abort();
  }

  /** Throws 429 when the user has too many already. */
  send(reply: FastifyReply, { username, expires, frames }: EventStreamRequest): void {
    const count = this.open.get(username) ?? 0;
    if (count >= streamsPerUser) {
      throw new RestError(429, `No more than ${streamsPerUser} event streams of one user at once; close some of them.`);
    }
    this.open.set(username, count + 1);
    const left = new AbortController();
    const expired = AbortSignal.timeout(Math.min(Math.max(0, expires - Date.now()), longestMs));
    const signal = AbortSignal.any([left.signal, expired, this.going.signal]);
    reply.raw.once('close', () => {
      left.abort();
      const others = (this.open.get(username) ?? 1) - 1;
      if (others > 0) this.open.set(username, others);
      else this.open.delete(username);
    });
    // Fastify sends a stream with back-pressure and destroys it when the client leaves.
    const body = Readable.from(withKeepAlive(frames(signal)), { objectMode: false });
    void reply.headers({ ...headers, 'x-accel-buffering': 'no' }).send(body);
  }
}
