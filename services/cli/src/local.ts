// A whole Sortie on this machine: NATS, Job service, Ingest API, worker and gateway as child processes.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@sortie/common/free-port';
import type { Announcement } from '@sortie/common/process';
import { forgetRunning, noteRunning, prepare, type DataDirectory } from './data.js';

export interface LocalSettings {
  /** Port of the gateway; 0 for any free one. */
  port: number;
  /** Variables of the caller that are passed on. */
  environment: NodeJS.ProcessEnv;
}

export interface LocalSortie {
  /** http://127.0.0.1:port */
  gateway: string;
  /** host:port of the gRPC services. */
  jobService: string;
  ingestService: string;
  /** Addresses of measurements and health, http://127.0.0.1:port, by the program's name. */
  vitals: Record<string, string>;
  /** Resolves when a part has ended by itself, with its name. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

const startMs = 60_000;
const stopMs = 15_000;

const program = (relative: string): string => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));

class Parts {
  private readonly children: { name: string; child: ChildProcess; gone: Promise<void> }[] = [];
  private stopping = false;
  private tellEnded = (_name: string): void => undefined;
  readonly ended = new Promise<string>((resolve) => {
    this.tellEnded = resolve;
  });

  constructor(private readonly logs: string) {}

  /** Starts a child in a process group of its own, so that Ctrl-C reaches only us. Its stderr goes to a log file. */
  start(name: string, command: string, parameters: string[], env: NodeJS.ProcessEnv, ipc: boolean): ChildProcess {
    const log = openSync(join(this.logs, `${name}.log`), 'a');
    const child = spawn(command, parameters, {
      env,
      detached: true,
      stdio: ['ignore', log, log, ...(ipc ? ['ipc' as const] : [])],
    });
    closeSync(log);
    const gone = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    void gone.then(() => {
      if (!this.stopping) this.tellEnded(name);
    });
    this.children.push({ name, child, gone });
    return child;
  }

  /** In the reverse order of their start; whoever does not end in time is killed. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const { child, gone } of [...this.children].reverse()) {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await gone;
      clearTimeout(force);
    }
  }
}

/** Waits until a child of ours tells its ports over IPC. */
const announced = (name: string, child: ChildProcess, logs: string): Promise<Announcement> =>
  new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new Error(`${name} did not come up (${why}); see ${join(logs, `${name}.log`)}`));
    const timer = setTimeout(() => fail('too slow'), startMs);
    child.once('message', (message: Announcement) => {
      clearTimeout(timer);
      resolve(message);
    });
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`exit code ${String(code)}`));
  });

async function answers(port: number): Promise<void> {
  for (let round = 0; round < startMs / 25; round++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('nats-server did not come up; is it installed?');
}

export async function startLocal(data: DataDirectory, settings: LocalSettings): Promise<LocalSortie> {
  await prepare(data);
  const parts = new Parts(data.logs);
  try {
    const [natsPort, jobPort, ingestPort] = await Promise.all([freePort(), freePort(), freePort()]);
    // setpriv: should we be killed, NATS goes with us. Our own programs notice when the IPC channel closes.
    parts.start(
      'nats',
      'setpriv',
      [
        '--pdeathsig',
        'TERM',
        '--',
        'nats-server',
        '--addr',
        '127.0.0.1',
        '--port',
        String(natsPort),
        '--jetstream',
        '--store_dir',
        data.nats,
      ],
      { PATH: settings.environment['PATH'] },
      false,
    );
    const environment = {
      ...settings.environment,
      NODE_ENV: 'production',
      SORTIE_NATS_URL: `nats://127.0.0.1:${natsPort}`,
      SORTIE_DATABASE: settings.environment['SORTIE_DATABASE'] ?? data.book,
      SORTIE_STORAGE: data.storage,
      SORTIE_WORK_DIRECTORY: join(data.root, 'work'),
      SORTIE_USERS_FILE: data.users,
      SORTIE_TOKEN_KEY_FILE: data.tokenKey,
      SORTIE_JOB_LISTEN: `127.0.0.1:${jobPort}`,
      SORTIE_JOB_ADDRESS: `127.0.0.1:${jobPort}`,
      SORTIE_INGEST_LISTEN: `127.0.0.1:${ingestPort}`,
      SORTIE_INGEST_ADDRESS: `127.0.0.1:${ingestPort}`,
      SORTIE_GATEWAY_LISTEN: `127.0.0.1:${settings.port}`,
      SORTIE_METRICS_LISTEN: '127.0.0.1:0',
    };
    const vitals: Record<string, string> = {};
    const own = async (name: string, path: string): Promise<number> => {
      const options = ['--enable-source-maps', program(path)];
      const child = parts.start(name, process.execPath, options, environment, true);
      const { port, metricsPort } = await announced(name, child, data.logs);
      vitals[name] = `http://127.0.0.1:${metricsPort}`;
      return port;
    };
    await answers(natsPort);
    const [port] = await Promise.all([
      own('gateway', 'gateway/dist/main.js'),
      own('ingest-api', 'services/ingest/dist/api-main.js'),
      // The worker asks for the queue that the Job service makes.
      own('job', 'services/job/dist/main.js').then(() => own('worker', 'services/ingest/dist/worker-main.js')),
    ]);
    const gateway = `http://127.0.0.1:${port}`;
    await noteRunning(data, { gateway, pid: process.pid });
    return {
      gateway,
      jobService: `127.0.0.1:${jobPort}`,
      ingestService: `127.0.0.1:${ingestPort}`,
      vitals,
      ended: parts.ended,
      stop: async () => {
        await forgetRunning(data);
        await parts.stop();
      },
    };
  } catch (error) {
    await parts.stop();
    throw error;
  }
}
