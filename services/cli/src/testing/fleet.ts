// Several of each program side by side on one machine, on one PostgreSQL and one NATS.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@sortie/common/free-port';
import { newAuthority, newCertificate } from '@sortie/common/identity/certificates';
import { identityOf, type Holder } from '@sortie/common/identity/make-keys';
import { newStatementKeys } from '@sortie/common/identity/statement';
import type { Announcement } from '@sortie/common/process';
import { startNats, type TestNats } from '@sortie/common/testing/nats';
import { startPostgres, type TestPostgres } from '@sortie/common/testing/postgres';
import { adminName, dataDirectory, prepare } from '../data.js';

const programs = {
  job: 'services/job/dist/main.js',
  'ingest-api': 'services/ingest/dist/api-main.js',
  worker: 'services/ingest/dist/worker-main.js',
  gateway: 'gateway/dist/main.js',
} as const;
export type Kind = keyof typeof programs;

/** One process, which may be told to go and started again at the same address. */
const program = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

export class Member {
  private child: ChildProcess | null = null;
  private gone: Promise<void> = Promise.resolve();
  port = 0;
  /** http://127.0.0.1:port of its measurements. */
  vitals = '';

  constructor(
    readonly kind: Kind,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly logPath: string,
    private readonly nodeOptions: readonly string[] = [],
  ) {}

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const log = openSync(this.logPath, 'a');
    const path = program(programs[this.kind]);
    const child = spawn(process.execPath, ['--enable-source-maps', ...this.nodeOptions, path], {
      env: { ...process.env, NODE_ENV: 'production', SORTIE_METRICS_LISTEN: '127.0.0.1:0', ...this.environment },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.child = child;
    this.gone = new Promise((resolve) => child.once('exit', () => resolve()));
    const { port, metricsPort } = await new Promise<Announcement>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Announcement));
      child.once('exit', (code) => reject(new Error(`${this.kind} ended with ${String(code)}; see ${this.logPath}`)));
    });
    this.port = port;
    this.vitals = `http://127.0.0.1:${metricsPort}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Tells it to go, and waits until it has gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.child?.kill(signal);
    await this.gone;
  }

  /** What it has logged so far, all its lives together. */
  async log(): Promise<Record<string, unknown>[]> {
    const lines = (await readFile(this.logPath, 'utf8')).split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

export interface Fleet {
  members: Member[];
  of(kind: Kind): Member[];
  /** http://127.0.0.1:port of each gateway. */
  gateways: string[];
  admin: { username: string; password: string };
  storage: string;
  /** Directory of somebody's identity. */
  identity: (holder: Holder) => string;
  directory: string;
  nats: TestNats;
  postgres: TestPostgres;
  stop(): Promise<void>;
}

export interface FleetOptions {
  /** Where the storage is to lie; within the fleet's own directory when it is left out. */
  storage?: string;
  /** Address of the database as the programs see it, from the real one. */
  database?: (url: string) => Promise<string>;
  /** Mutual TLS between the programs, as between machines, instead of keys over loopback. */
  certificates?: boolean;
  /** A module that each worker loads before its own. */
  preload?: string;
}

const holders: readonly Holder[] = ['gateway', 'ingest-api', 'job', 'worker', 'operator'];

/** A folder for each program, as its pod would have it. */
async function withCertificates(root: string): Promise<string> {
  const authority = await newAuthority(1);
  const statement = newStatementKeys();
  for (const holder of holders) {
    const folder = identityOf(root, holder);
    await mkdir(folder, { recursive: true });
    const certificate = await newCertificate(authority, {
      caller: holder,
      hosts: [],
      addresses: ['127.0.0.1'],
      days: 1,
    });
    const { 'statement.pub': known } = statement;
    const files = { ...certificate, ...(holder === 'gateway' ? statement : { 'statement.pub': known }) };
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  }
  return root;
}

export async function startFleet(
  counts: Record<Kind, number>,
  environment: NodeJS.ProcessEnv = {},
  options: FleetOptions = {},
): Promise<Fleet> {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-fleet-'));
  const data = dataDirectory(join(directory, 'data'));
  await prepare(data);
  const [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  execFileSync(process.execPath, [program('services/job/dist/migrate-main.js')], {
    env: { ...process.env, SORTIE_DATABASE: postgres.url },
    stdio: 'pipe',
  });
  const storage = options.storage ?? data.storage;
  const preload = options.preload === undefined ? [] : ['--import', options.preload];
  const ports = (count: number): Promise<number[]> => Promise.all(Array.from({ length: count }, freePort));
  const [jobPorts, ingestPorts, gatewayPorts] = await Promise.all([
    ports(counts.job),
    ports(counts['ingest-api']),
    ports(counts.gateway),
  ]);
  const identities =
    options.certificates === true ? await withCertificates(join(directory, 'identities')) : data.identity;
  const identity = (holder: Holder): string => identityOf(identities, holder);
  const all = (list: readonly number[]): string => `ipv4:${list.map((port) => `127.0.0.1:${port}`).join(',')}`;
  const common = {
    ...environment,
    SORTIE_DATABASE: options.database ? await options.database(postgres.url) : postgres.url,
    SORTIE_NATS_URL: nats.url,
    SORTIE_STORAGE: storage,
    SORTIE_USERS_FILE: data.users,
    SORTIE_REVOCATIONS_FILE: data.revocations,
    SORTIE_TOKEN_KEY_FILE: data.tokenKey,
    SORTIE_JOB_ADDRESS: all(jobPorts),
    SORTIE_INGEST_ADDRESS: all(ingestPorts),
  };
  const make = (kind: Kind, variable: string, list: readonly number[]): Member[] =>
    list.map(
      (port, index) =>
        new Member(
          kind,
          { ...common, SORTIE_IDENTITY: identity(kind), [variable]: `127.0.0.1:${port}` },
          join(data.logs, `${kind}-${index}.log`),
        ),
    );
  const members = [
    ...make('job', 'SORTIE_JOB_LISTEN', jobPorts),
    ...make('ingest-api', 'SORTIE_INGEST_LISTEN', ingestPorts),
    ...Array.from(
      { length: counts.worker },
      (_, index) =>
        new Member(
          'worker',
          { ...common, SORTIE_IDENTITY: identity('worker') },
          join(data.logs, `worker-${index}.log`),
          preload,
        ),
    ),
    ...make('gateway', 'SORTIE_GATEWAY_LISTEN', gatewayPorts),
  ];
  // All at once: they wait for each other.
  await Promise.all(members.map((member) => member.start()));
  return {
    members,
    of: (kind) => members.filter((member) => member.kind === kind),
    gateways: gatewayPorts.map((port) => `http://127.0.0.1:${port}`),
    admin: { username: adminName, password: await readFile(data.adminPassword, 'utf8') },
    storage,
    identity,
    directory,
    nats,
    postgres,
    stop: async () => {
      await Promise.all(members.map((member) => member.stop()));
      await Promise.all([nats.stop(), postgres.stop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
