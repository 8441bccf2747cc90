// A real PostgreSQL for tests: Debian's, in a directory of its own.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../free-port.js';
import { startProgram, type Program } from './child.js';

export interface TestPostgres {
  url: string;
  /** Kills it as a power loss would, with all of its children; the data stay. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP or SIGCONT for it and all of its children. */
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

function binaries(): string {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  const [newest] = versions;
  if (newest === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql');
  return join(base, newest, 'bin');
}

const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));

export async function startPostgres(): Promise<TestPostgres> {
  const bin = binaries();
  const directory = await mkdtemp(join(tmpdir(), 'sortie-postgres-'));
  // PostgreSQL refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  if (user.uid !== undefined) await chown(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'sortie', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
    {
      ...user,
      stdio: 'pipe',
      cwd: directory,
    },
  );
  const port = await freePort();
  const url = `postgres://sortie@127.0.0.1:${port}/postgres`;
  const startServer = (): Promise<Program> =>
    startProgram(
      join(bin, 'postgres'),
      ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory, '-F'],
      async () => {
        const client = new pg.Client({ connectionString: url });
        try {
          await client.connect();
          return true;
        } finally {
          await client.end().catch(() => undefined);
        }
      },
      user,
    );
  let program = await startServer();
  const family = (): number[] => {
    const pid = program.child.pid ?? 0;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((text) => text !== ''); // prettier-ignore
    return [...children.map(Number), pid];
  };
  return {
    url,
    kill: () => program.stop('SIGQUIT'),
    start: async () => {
      program = await startServer();
    },
    signal: (signal) => {
      for (const pid of family()) process.kill(pid, signal);
    },
    stop: async () => {
      await program.stop('SIGQUIT');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
