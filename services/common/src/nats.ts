// NATS is the bell of the system: the work queue and the news that the book has changed. It is never the record.
import {
  AckPolicy,
  connect,
  type Consumer,
  DiscardPolicy,
  nanos,
  NatsError,
  RetentionPolicy,
  StorageType,
  type ConnectionOptions,
  type JsMsg,
  type NatsConnection,
} from 'nats';
import { SortieError } from './errors.js';
import { isJobId } from './ids.js';
import { ChangedMessage, WorkMessage } from './gen/sortie/job/v1/message.js';

export const stream = 'SORTIE_JOBS';
export const workers = 'workers';
const workSubject = (jobId: string): string => `sortie.job.v1.work.${jobId}`;
const changedSubject = (jobId: string): string => `sortie.job.v1.changed.${jobId}`;

/** How long the server waits for `working()` before it gives a message to another worker. */
export const ackWaitMs = 15_000;

const consumerConfig = {
  durable_name: workers,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(ackWaitMs),
  max_ack_pending: 10_000,
};

export type { JsMsg };

const pauseMs = 500;
const pingMs = 5_000;
const connectMs = 5_000;

/**
 * A connection that need not be there yet: a program starts without NATS, and uses it when it comes. It outlives restarts of
 * the server; callers see errors only while it is away.
 */
export class Nats {
  private current: NatsConnection | null = null;
  private closing = false;
  private readonly connected: Promise<void>;

  /** `login`: by natsLogin. */
  constructor(url: string, name: string, login: ConnectionOptions = {}) {
    const servers = url.split(',');
    this.connected = this.keepTrying({
      ...login,
      servers,
      name,
      maxReconnectAttempts: -1,
      reconnectTimeWait: pauseMs,
      // A server whose machine has vanished says no goodbye: after two pings without an answer another one is looked for.
      pingInterval: pingMs,
      maxPingOut: 2,
      timeout: connectMs,
    });
  }

  private async keepTrying(options: ConnectionOptions): Promise<void> {
    while (!this.closing && !this.current) {
      try {
        this.current = await connect(options);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    if (this.closing) await this.current?.close();
  }

  /** Throws UNAVAILABLE before the first connect. */
  get connection(): NatsConnection {
    if (!this.current) throw new SortieError('UNAVAILABLE', 'NATS does not answer yet.');
    return this.current;
  }

  get isOpen(): boolean {
    return this.current !== null && !this.current.isClosed();
  }

  /** Resolves at the first connect, or when `waitMs` are over. */
  async wait(waitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMs);
    });
    await Promise.race([this.connected, late]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.current?.close();
  }
}

/** JetStream's codes (nats-server, errors.json): a stream of that name is made otherwise; the subject has its message. */
const otherwiseMade = 10_058;
const alreadyThere = 10_077;

const hasCode = (error: unknown, code: number): boolean =>
  error instanceof NatsError && error.api_error?.err_code === code;

/**
 * Makes the stream and its consumer when they are missing, and brings them to what is asked for. One subject for each job
 * and `discard_new_per_subject` make ringing twice for the same job harmless: the second message is refused while the
 * first is there.
 */
export async function ensureWorkQueue(nats: Nats, replicas = 1): Promise<void> {
  const manager = await nats.connection.jetstreamManager();
  const config = {
    name: stream,
    subjects: [workSubject('*')],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_msgs_per_subject: 1,
    num_replicas: replicas,
  };
  try {
    await manager.streams.add(config);
  } catch (error) {
    if (!hasCode(error, otherwiseMade)) throw error;
    await manager.streams.update(stream, config);
  }
  await manager.consumers.add(stream, consumerConfig);
}

/**
 * Number of the oldest message that lies in the stream although its consumer counts it as done; null when all is well.
 * After a power loss nats-server may remember less of the stream than of the consumer: numbers are then given out a second
 * time, and what has one of them is never delivered. One that was acknowledged in this very moment looks alike.
 */
export async function strandedMessage(nats: Nats): Promise<number | null> {
  const manager = await nats.connection.jetstreamManager();
  const { state } = await manager.streams.info(stream);
  const { ack_floor } = await manager.consumers.info(stream, workers);
  return state.messages > 0 && state.first_seq <= ack_floor.stream_seq ? state.first_seq : null;
}

/** Whether the stream answers and its consumer does not; false also when nothing does. */
export async function consumerIsSilent(nats: Nats): Promise<boolean> {
  try {
    const manager = await nats.connection.jetstreamManager();
    await manager.streams.info(stream);
    return await manager.consumers.info(stream, workers).then(
      () => false,
      () => true,
    );
  } catch {
    return false;
  }
}

/** Delivers all that lies in the stream anew. What a worker has already comes a second time, and is refused by the book. */
export async function renewConsumer(nats: Nats): Promise<void> {
  const manager = await nats.connection.jetstreamManager();
  // A consumer without a leader is taken away, but nobody says so: what counts is whether it can be made.
  await manager.consumers.delete(stream, workers).catch(() => undefined);
  await manager.consumers.add(stream, consumerConfig);
}

/** Puts the job on the work queue; false when it lies there already. */
export async function ringForWork(nats: Nats, jobId: string): Promise<boolean> {
  try {
    await nats.connection.jetstream().publish(workSubject(jobId), WorkMessage.encode({ jobId }).finish());
    return true;
  } catch (error) {
    if (hasCode(error, alreadyThere)) return false;
    throw error;
  }
}

/** Puts many jobs on the work queue, all at once. Resolves with the number of those that did not lie there already. */
export async function announceWork(nats: Nats, jobIds: readonly string[]): Promise<number> {
  const added = await Promise.all(jobIds.map((jobId) => ringForWork(nats, jobId)));
  return added.filter(Boolean).length;
}

/** The consumer's handle, one for each connection: looking it up is a request to the server of its own. */
const consumers = new WeakMap<NatsConnection, Promise<Consumer>>();

async function consumerOf(nats: Nats): Promise<Consumer> {
  const { connection } = nats;
  let consumer = consumers.get(connection);
  if (!consumer) {
    consumer = connection.jetstream().consumers.get(stream, workers);
    consumers.set(connection, consumer);
    consumer.catch(() => consumers.delete(connection));
  }
  return consumer;
}

/** The next message for a worker, or null when none came within `waitMs` (at least 1000). Rejects while NATS is away. */
export async function nextWork(nats: Nats, waitMs: number): Promise<JsMsg | null> {
  const consumer = await consumerOf(nats);
  const began = performance.now();
  const messages = await consumer.fetch({ max_messages: 1, expires: waitMs });
  // A request that is open while the server restarts is forgotten there, and the client would wait for its end for ever.
  const limit = setTimeout(() => void messages.close(), waitMs + 1_000);
  try {
    for await (const message of messages) return message;
  } finally {
    clearTimeout(limit);
  }
  if (performance.now() - began < waitMs / 2) {
    // Nobody answered for the consumer: the server was set up anew, and the handle is of no use any more.
    consumers.delete(nats.connection);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return null;
}

/** The job that a message is about; null when the message is none of ours, or one of a version that writes otherwise. */
export function readWork(message: JsMsg): string | null {
  try {
    const { jobId } = WorkMessage.decode(message.data);
    return isJobId(jobId) ? jobId : null;
  } catch {
    return null;
  }
}

/** Tells whoever watches the job that the book has something new. Lost without harm: watchers also look by themselves. */
export function ringChanged(nats: Nats, jobId: string, lastSequence: number): void {
  if (nats.isOpen) {
    nats.connection.publish(changedSubject(jobId), ChangedMessage.encode({ jobId, lastSequence }).finish());
  }
}

/** Calls back on each change of the job until the returned function is called. */
export function listenChanged(nats: Nats, jobId: string, onChange: () => void): () => void {
  if (!nats.isOpen) return () => undefined;
  const subscription = nats.connection.subscribe(changedSubject(jobId), { callback: onChange });
  return () => subscription.unsubscribe();
}

/** Rejects unless the server answers; one that has never been there is given a moment. */
export async function askNats(nats: Nats): Promise<void> {
  await nats.wait(1_000);
  await nats.connection.flush();
}

/** How many messages lie in the queue, and how many are with a worker that has not taken a job for them yet. */
export async function workQueueLag(nats: Nats): Promise<{ pending: number; ackPending: number }> {
  const manager = await nats.connection.jetstreamManager();
  const { num_pending, num_ack_pending } = await manager.consumers.info(stream, workers);
  return { pending: num_pending, ackPending: num_ack_pending };
}
