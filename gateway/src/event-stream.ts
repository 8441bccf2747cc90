// Server-sent events (HTML standard, section 9.2): an answer that goes on for as long as there is something to tell.
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { errorDocument, invalidToken, RestError } from './arcgis/errors.js';

/** A comment now and then keeps proxies from closing a quiet stream, and tells a client that somebody is there. */
const keepAliveMs = 15_000;
/** How long a client waits before it comes back. */
const retryFrame = 'retry: 1000\n\n';
/** How often it is looked whether the callers may still listen. */
const lookMs = 250;
const comeAgainSeconds = 10;

/** What one event looks like on the wire; `id` is what a client comes back with as Last-Event-ID. */
export const eventFrame = (name: string, data: string, id?: number): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${data}\n\n`;

const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' };

/** Makes an EventSource come again: to it, any other status or type is final. */
export function sendComeAgain(reply: FastifyReply): void {
  void reply.headers(headers).send(retryFrame);
}

/** The end of a stream whose token has ended: as ArcGIS tells it, and final to a client that knows the event. */
const voidFrame = (): string => eventFrame('end', JSON.stringify(errorDocument(invalidToken())));

/** All frames, and the reason when they ended because the token did. */
async function* untilVoid(frames: AsyncIterable<string>, ended: AbortSignal): AsyncGenerator<string, void, undefined> {
  yield* frames;
  if (ended.aborted) yield voidFrame();
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
  /** Whether the token of the caller still holds; the stream ends with it. */
  holds: () => boolean;
  /** Must end when `signal` aborts, and throw nothing. */
  frames: (signal: AbortSignal) => AsyncIterable<string>;
}

/** The streams that a gateway holds. */
export class EventStreams {
  private readonly going = new AbortController();
  private readonly open = new Map<string, number>();
  private readonly watched = new Map<AbortController, () => boolean>();
  private timer: NodeJS.Timeout | undefined;

  /** How many one user may have open. */
  constructor(private readonly most: number) {}

  /** Ends all; their clients come back with Last-Event-ID, to another gateway. */
  stop(): void {
    this.going.abort();
    clearInterval(this.timer);
  }

  /** Ends the streams whose token does not hold any more; one timer looks for all of them. */
  private look(): void {
    for (const [ended, holds] of this.watched) if (!holds()) ended.abort();
    if (this.watched.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Throws 429 when the user has too many already. */
  send(reply: FastifyReply, { username, holds, frames }: EventStreamRequest): void {
    const count = this.open.get(username) ?? 0;
    if (count >= this.most) {
      throw new RestError(
        429,
        `${username} has ${this.most} event streams open, which is the limit for one user. Close some of them, and try again.`,
        [],
        comeAgainSeconds,
      );
    }
    this.open.set(username, count + 1);
    const left = new AbortController();
    const ended = new AbortController();
    this.watched.set(ended, holds);
    this.timer ??= setInterval(() => this.look(), lookMs).unref();
    const signal = AbortSignal.any([left.signal, ended.signal, this.going.signal]);
    reply.raw.once('close', () => {
      left.abort();
      this.watched.delete(ended);
      const others = (this.open.get(username) ?? 1) - 1;
      if (others > 0) this.open.set(username, others);
      else this.open.delete(username);
    });
    // Fastify sends a stream with back-pressure and destroys it when the client leaves.
    const body = Readable.from(untilVoid(withKeepAlive(frames(signal)), ended.signal), { objectMode: false });
    void reply.headers({ ...headers, 'x-accel-buffering': 'no' }).send(body);
  }
}
