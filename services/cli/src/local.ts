// A whole Sortie on this machine: NATS, Job service, Ingest API, worker and gateway as child processes.
import { execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@sortie/common/free-port';
import { identityOf, type Holder } from '@sortie/common/identity/make-keys';
import type { Announcement } from '@sortie/common/process';
import { own, prepare, writeNatsConfig, type DataDirectory, type RunningNote } from './data.js';
import { Part, type PartSettings } from './part.js';

export interface LocalSettings {
  /** Port of the gateway; 0 for any free one. */
  port: number;
  /** Variables of the caller that are passed on. */
  environment: NodeJS.ProcessEnv;
  /** Hears of a part that has ended and is started again; stderr when left out. */
  onRestart?: (message: string) => void;
}

export interface LocalSortie {
  /** http://127.0.0.1:port */
  gateway: string;
  /** host:port of the gRPC services. */
  jobService: string;
  ingestService: string;
  /** Addresses of measurements and health, http://127.0.0.1:port, by the program's name. */
  vitals: Record<string, string>;
  /** Of the child processes, by name: each is started again when it ends. */
  pids: () => Record<string, number>;
  /** Resolves, with the reason, when a part has ended and does not come up again. */
  failed: Promise<string>;
  stop(): Promise<void>;
}

const run = promisify(execFile);

const program = (relative: string): string => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));

/** What a child of ours says over IPC when it is up. */
const announced = async (child: ChildProcess): Promise<Announcement> =>
  ((await once(child, 'message')) as [Announcement])[0];

/** Resolves when somebody listens. */
async function answers(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
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
}

/** Throws when a Sortie runs on this data directory already. */
export async function startLocal(data: DataDirectory, settings: LocalSettings): Promise<LocalSortie> {
  await prepare(data);
  const lock = await own(data);
  const parts: Part[] = [];
  // The worker hands its work back to the Job service, so it goes before it; whoever asks others goes before them.
  const stop = async (): Promise<void> => {
    for (const part of [...parts].reverse()) await part.stop();
    lock.release();
  };
  try {
    const [natsPort, jobPort, ingestPort] = await Promise.all([freePort(), freePort(), freePort()]);
    const environment = {
      ...settings.environment,
      NODE_ENV: 'production',
      SORTIE_NATS_URL: `nats://127.0.0.1:${natsPort}`,
      SORTIE_DATABASE: settings.environment['SORTIE_DATABASE'] ?? data.book,
      SORTIE_STORAGE: data.storage,
      SORTIE_WORK_DIRECTORY: join(data.root, 'work'),
      // Whoever stops it here does not want to wait: what runs is handed back and goes on at the next start.
      SORTIE_DRAIN_SECONDS: settings.environment['SORTIE_DRAIN_SECONDS'] ?? '0',
      SORTIE_USERS_FILE: data.users,
      SORTIE_REVOCATIONS_FILE: data.revocations,
      SORTIE_TOKEN_KEY_FILE: data.tokenKey,
      SORTIE_JOB_LISTEN: `127.0.0.1:${jobPort}`,
      SORTIE_JOB_ADDRESS: `127.0.0.1:${jobPort}`,
      SORTIE_INGEST_LISTEN: `127.0.0.1:${ingestPort}`,
      SORTIE_INGEST_ADDRESS: `127.0.0.1:${ingestPort}`,
    };
    // Whoever comes up again has the ports that it had.
    let gatewayPort = settings.port;
    const metricsPorts: Record<string, number> = {};
    const onRestart = settings.onRestart ?? ((message) => process.stderr.write(`${message}\n`));
    const add = (part: Omit<PartSettings, 'logFile' | 'onRestart'>): Part => {
      const added = new Part({ ...part, logFile: join(data.logs, `${part.name}.log`), onRestart });
      parts.push(added);
      return added;
    };
    // setpriv: should we be killed, NATS goes with us. Our own programs notice when the IPC channel closes.
    await writeNatsConfig(data, natsPort);
    const nats = add({
      name: 'nats',
      command: 'setpriv',
      parameters: [
        '--pdeathsig',
        'TERM',
        '--',
        settings.environment['SORTIE_NATS_SERVER'] ?? 'nats-server',
        '--config',
        data.natsConfig,
      ],
      environment: () => ({ PATH: settings.environment['PATH'] }),
      ipc: false,
      ready: (child) => answers(natsPort, child),
    });
    const ours = (name: Holder, path: string): Part =>
      add({
        name,
        command: process.execPath,
        parameters: ['--enable-source-maps', program(path)],
        environment: () => ({
          ...environment,
          SORTIE_IDENTITY: identityOf(data.identity, name),
          SORTIE_GATEWAY_LISTEN: `127.0.0.1:${gatewayPort}`,
          SORTIE_METRICS_LISTEN: `127.0.0.1:${metricsPorts[name] ?? 0}`,
        }),
        ipc: true,
        ready: async (child) => {
          const { port, metricsPort } = await announced(child);
          metricsPorts[name] = metricsPort;
          if (name === 'gateway') gatewayPort = port;
        },
      });
    // The embedded database is brought up to date by the Job service itself.
    if (/^postgres(?:ql)?:/.test(environment.SORTIE_DATABASE)) {
      await run(process.execPath, [program('services/job/dist/migrate-main.js')], { env: environment });
    }
    const job = ours('job', 'services/job/dist/main.js');
    const worker = ours('worker', 'services/ingest/dist/worker-main.js');
    const ingestApi = ours('ingest-api', 'services/ingest/dist/api-main.js');
    const gateway = ours('gateway', 'gateway/dist/main.js');
    await nats.start();
    // The worker asks for the queue that the Job service makes.
    await Promise.all([gateway.start(), ingestApi.start(), job.start().then(() => worker.start())]);
    const address = `http://127.0.0.1:${gatewayPort}`;
    lock.note(JSON.stringify({ gateway: address, pid: process.pid } satisfies RunningNote));
    return {
      gateway: address,
      jobService: `127.0.0.1:${jobPort}`,
      ingestService: `127.0.0.1:${ingestPort}`,
      vitals: Object.fromEntries(
        Object.entries(metricsPorts).map(([name, port]) => [name, `http://127.0.0.1:${port}`]),
      ),
      pids: () => Object.fromEntries(parts.map((part) => [part.name, part.pid])),
      failed: Promise.race(parts.map(({ failed }) => failed)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
