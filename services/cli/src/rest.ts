// The gateway as the command line uses it: the same REST interface as everybody else's.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { basename } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';

/** The job document with details, as far as it is shown. */
export interface JobView {
  jobId: string;
  status: string;
  messages: string[];
  results?: { layerId: number; serviceName: string };
  customAttributes: {
    sortie?: {
      steps: { text: string; code: number; state: string; detail: string; attempt: number }[];
      progress: number;
      currentStep: { text: string; fraction: number | null; fps: number; remainingSeconds: number | null } | null;
      error: { message: string } | null;
      warnings: { code: string; message: string }[];
      attempts: { number: number; worker: string }[];
      createTime: string | null;
      endTime: string | null;
    };
  };
}

export const sharings = ['private', 'organization', 'public'] as const;
export const priorities = ['low', 'normal', 'high'] as const;

/** What is not said is left to the services. */
export interface LayerWishes {
  sharing?: (typeof sharings)[number];
  priority?: (typeof priorities)[number];
}

/** An error document of the gateway. */
export class GatewayError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly document: unknown,
  ) {
    super(message);
  }
}

/** Codes of errors that pass by themselves: too many requests, and all that is not the caller's fault. */
const mayPass = ({ code }: GatewayError): boolean => code === 429 || code >= 500;
const comeAgainMs = 500;
const silentMs = 45_000;

function checked(document: unknown): unknown {
  if (typeof document === 'object' && document !== null && 'error' in document) {
    const {
      code = 500,
      message = 'unknown error',
      details = [],
    } = document.error as {
      code?: number;
      message?: string;
      details?: string[];
    };
    throw new GatewayError(code, [message, ...details].join(' '), document);
  }
  return document;
}

export class Rest {
  private token = '';

  constructor(readonly gateway: string) {}

  get currentToken(): string {
    return this.token;
  }

  use(token: string): void {
    this.token = token;
  }

  /** As `fetch`; says whom it could not reach. */
  private async ask(path: string, options: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.gateway}${path}`, options);
    } catch (error) {
      const { cause } = error as { cause?: { code?: string } };
      const reason = cause?.code === undefined ? '' : ` (${cause.code})`;
      throw new Error(`No gateway answers at ${this.gateway}${reason}; is it running, and is that its address?`, { cause: error }); // prettier-ignore
    }
  }

  private async post(path: string, form: Record<string, string>): Promise<unknown> {
    const response = await this.ask(path, {
      method: 'POST',
      headers: this.token === '' ? {} : { authorization: `Bearer ${this.token}` },
      body: new URLSearchParams({ f: 'json', ...form }),
    });
    return checked(await response.json());
  }

  async signIn(username: string, password: string, minutes: number): Promise<string> {
    const answer = await this.post('/arcgis/rest/generateToken', { username, password, expiration: String(minutes) });
    this.token = (answer as { token: string }).token;
    return this.token;
  }

  /** Fine when it exists already; its sharing then stays. */
  async createService(serviceName: string, sharing?: LayerWishes['sharing']): Promise<void> {
    try {
      await this.post('/arcgis/admin/services/create', { service: JSON.stringify({ serviceName, sharing }) });
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 409) throw error;
    }
  }

  /** Streams the file; memory stays flat. Gives its id. */
  async upload(path: string, onProgress: (share: number) => void): Promise<string> {
    const { size } = await stat(path);
    const boundary = `sortie-${randomUUID()}`;
    const name = basename(path).replace(/["\r\n]/g, '_');
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="f"\r\n\r\njson\r\n--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: application/octet-stream\r\n\r\n`;
    const tail = `\r\n--${boundary}--\r\n`;
    const url = new URL(`${this.gateway}/arcgis/rest/uploads/upload`);
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.token}`,
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': Buffer.byteLength(head) + size + Buffer.byteLength(tail),
      },
    });
    const answer = new Promise<unknown>((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (response) => {
        textOf(response)
          .then((text) => JSON.parse(text) as unknown)
          .then(resolve, reject);
      });
    });
    let sent = 0;
    async function* body(): AsyncGenerator<Buffer | string> {
      yield head;
      for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
        sent += chunk.length;
        onProgress(size === 0 ? 1 : sent / size);
        yield chunk;
      }
      yield tail;
    }
    // A refusal may come before all is sent; the answer tells why.
    await Promise.all([answer, pipeline(body, request).catch(() => undefined)]);
    return (checked(await answer) as { fileId: string }).fileId;
  }

  async addLayer(
    service: string,
    name: string,
    fileIds: string[],
    resolutions: string,
    wishes: LayerWishes = {},
  ): Promise<string> {
    const createParameters = JSON.stringify({ type: 'ondemand', name, fileIds, requestedResolutions: resolutions, ...wishes }); // prettier-ignore
    const answer = await this.post(`/arcgis/rest/services/${service}/addLayer`, { createParameters });
    return (answer as { jobId: string }).jobId;
  }

  /** The document exactly as it came. */
  async jobText(jobId: string, details: boolean, format = 'json'): Promise<string> {
    const response = await this.ask(
      `/arcgis/rest/jobs/job/${encodeURIComponent(jobId)}?f=${format}${details ? '&details=true' : ''}`,
      { headers: { authorization: `Bearer ${this.token}` }, signal: AbortSignal.timeout(silentMs) },
    );
    const text = await response.text();
    checked(JSON.parse(text));
    return text;
  }

  async job(jobId: string): Promise<JobView> {
    return JSON.parse(await this.jobText(jobId, true)) as JobView;
  }

  /**
   * Calls back with the job now and after each change, until it has ended. A gateway that is away, or whose services are, is
   * waited for as long as it takes; `onWait` hears why, once each time. Throws what a retry does not help against.
   */
  async watch(
    jobId: string,
    onChange: (job: JobView) => void,
    onWait: (reason: string) => void = () => undefined,
  ): Promise<JobView> {
    let waiting = false;
    for (;;) {
      try {
        for await (const _ of this.changes(jobId)) {
          const job = await this.job(jobId);
          waiting = false;
          onChange(job);
          if (job.status !== 'In Progress') return job;
        }
      } catch (error) {
        if (error instanceof GatewayError && !mayPass(error)) throw error;
        if (!waiting) onWait(error instanceof Error ? error.message : String(error));
        waiting = true;
      }
      await sleep(comeAgainMs);
    }
  }

  /** Yields now, and whenever there may be news of the job. */
  private async *changes(jobId: string): AsyncGenerator<void, void, undefined> {
    yield;
    // Comments come every 15 s: a stream that is silent for longer has lost its gateway.
    const silent = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const listen = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), silentMs);
    };
    try {
      listen();
      const events = await this.ask(`/arcgis/rest/jobs/job/${encodeURIComponent(jobId)}/events`, {
        headers: { authorization: `Bearer ${this.token}` },
        signal: silent.signal,
      });
      for await (const _ of (events.body ?? []) as AsyncIterable<Uint8Array>) {
        listen();
        yield;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  jobPage(jobId: string): string {
    return `${this.gateway}/arcgis/rest/jobs/job/${jobId}?token=${this.token}`;
  }

  layerPage(service: string, layerId: number): string {
    return `${this.gateway}/arcgis/rest/services/${service}/VideoServer/${layerId}?token=${this.token}`;
  }
}
