// What may happen to a running Sortie, each with its end.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fleet, Kind, Member } from '../testing/fleet.js';
import type { Reached } from './hold.js';
import type { SilentProxy } from './silent-proxy.js';

export interface Site {
  fleet: Fleet;
  proxy: SilentProxy;
  /** Whether the storage is a file system of its own, which can be filled and made read-only. */
  ownStorage: boolean;
}

/** Begins now; gives what ends it. */
export type Fault = (site: Site, reached: Reached) => Promise<() => Promise<void>>;

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
/** Somebody starts again what has died: Kubernetes, or `npm start`. */
const restartMs = 2_000;

function killing(members: (site: Site, reached: Reached) => Member[]): Fault {
  return async (site, reached) => {
    const chosen = members(site, reached);
    await Promise.all(chosen.map((member) => member.stop('SIGKILL')));
    return async () => {
      await sleep(restartMs);
      await Promise.all(chosen.map((member) => member.start()));
    };
  };
}

function freezing(members: (site: Site, reached: Reached) => Member[], milliseconds: number): Fault {
  return (site, reached) => {
    const chosen = members(site, reached);
    for (const member of chosen) member.signal('SIGSTOP');
    return Promise.resolve(async () => {
      await sleep(milliseconds);
      for (const member of chosen) member.signal('SIGCONT');
    });
  };
}

const all =
  (kind: Kind) =>
  ({ fleet }: Site): Member[] =>
    fleet.of(kind);
const one =
  (kind: Kind, index: number) =>
  ({ fleet }: Site): Member[] =>
    fleet.of(kind).slice(index, index + 1);
const theWorker = ({ fleet }: Site, { pid }: Reached): Member[] =>
  fleet.of('worker').filter((member) => member.pid === pid);

function databaseAway(milliseconds: number): Fault {
  return async ({ fleet }) => {
    await fleet.postgres.kill();
    return async () => {
      await sleep(milliseconds);
      await fleet.postgres.start();
    };
  };
}

/** Confined children of a process: the engine, the telemetry reader, ffprobe. */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter((text) => text !== '').map(Number),
    ); // prettier-ignore
  } catch {
    return [];
  }
}

/** The first child that the worker starts from now on. */
const killChild: Fault = async (_, { pid }) => {
  for (let round = 0; round < 20_000; round++) {
    const [child] = childrenOf(pid);
    if (child !== undefined) {
      try {
        process.kill(child, 'SIGKILL');
        break;
      } catch {
        // It has just ended; the next one.
      }
    }
    await sleep(1);
  }
  return () => Promise.resolve();
};

function storageFull(milliseconds: number): Fault {
  return ({ fleet }) => {
    const filler = join(fleet.storage, '..', 'filler');
    // Until nothing more fits; others write meanwhile.
    const until = (blockSize: string): unknown => spawnSync('dd', ['if=/dev/zero', `of=${filler}`, `bs=${blockSize}`, 'conv=notrunc', 'oflag=append']); // prettier-ignore
    for (const blockSize of ['1M', '4k', '4k']) until(blockSize);
    return Promise.resolve(async () => {
      await sleep(milliseconds);
      await rm(filler);
    });
  };
}

function storageReadOnly(milliseconds: number): Fault {
  return async ({ fleet }) => {
    const mount = join(fleet.storage, '..');
    const remount = async (how: string): Promise<void> => {
      for (let round = 0; ; round++) {
        try {
          execFileSync('mount', ['-o', `remount,${how}`, mount], { stdio: 'pipe' });
          return;
        } catch (error) {
          if (round > 100) throw error;
          await sleep(20);
        }
      }
    };
    await remount('ro');
    return async () => {
      await sleep(milliseconds);
      await remount('rw');
    };
  };
}

/** By name. Those that need a storage of their own are named `storage …`. */
export const faults: Readonly<Record<string, Fault>> = {
  'worker killed': killing(theWorker),
  'child of the worker killed': killChild,
  'Job service 0 killed': killing(one('job', 0)),
  'Job service 1 killed': killing(one('job', 1)),
  'both Job services killed': killing(all('job')),
  'Ingest API killed': killing(all('ingest-api')),
  'gateway killed': killing(all('gateway')),
  'nats-server killed': async ({ fleet }) => {
    await fleet.nats.kill();
    return async () => {
      await sleep(restartMs);
      await fleet.nats.start();
    };
  },
  'directory of NATS deleted': async ({ fleet }) => {
    await fleet.nats.reset();
    return () => Promise.resolve();
  },
  'database killed': databaseAway(restartMs),
  'database away 7 s': databaseAway(7_000),
  'database away 60 s': databaseAway(60_000),
  'database silent, new connections work': ({ proxy }) => {
    proxy.silence();
    return Promise.resolve(() => Promise.resolve());
  },
  'database frozen 20 s': ({ fleet }) => {
    fleet.postgres.signal('SIGSTOP');
    return Promise.resolve(async () => {
      await sleep(20_000);
      fleet.postgres.signal('SIGCONT');
    });
  },
  'worker frozen for three leases': freezing(theWorker, 30_000),
  'Job service 0 frozen 30 s': freezing(one('job', 0), 30_000),
  'both Job services frozen 30 s': freezing(all('job'), 30_000),
  'storage full 5 s': storageFull(5_000),
  'storage read-only 5 s': storageReadOnly(5_000),
};
