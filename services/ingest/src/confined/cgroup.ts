// What the kernel allows this process in memory, and how often it had to kill for it: control groups of version 2
// (Documentation/admin-guide/cgroup-v2.rst, "memory.max", "memory.events") and of version 1
// (Documentation/admin-guide/cgroup-v1/memory.rst, "memory.limit_in_bytes", "memory.oom_control").
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const mounts = { v2: 'sys/fs/cgroup', v1: 'sys/fs/cgroup/memory' };
const files = {
  v2: { limit: 'memory.max', kills: 'memory.events' },
  v1: { limit: 'memory.limit_in_bytes', kills: 'memory.oom_control' },
};

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** The number in a line "name value" or "name: value kB"; null when there is none. */
function numberOf(text: string | null, name: string): number | null {
  for (const line of (text ?? '').split('\n')) {
    const [word, value] = line.split(/[: ]+/, 2);
    if (word === name && value !== undefined && /^\d{1,20}$/.test(value)) return Number(value);
  }
  return null;
}

interface Group {
  version: 'v1' | 'v2';
  path: string;
}

/** Groups of this process in which memory is counted (proc(5), /proc/pid/cgroup: "0::path", "4:memory:path"). */
function groupsOf(root: string): Group[] {
  const groups: Group[] = [];
  for (const line of (readText(join(root, 'proc/self/cgroup')) ?? '').split('\n')) {
    const [number, controllers, ...path] = line.split(':');
    if (number === '0' && controllers === '') groups.push({ version: 'v2', path: path.join(':') });
    else if (controllers?.split(',').includes('memory')) groups.push({ version: 'v1', path: path.join(':') });
  }
  return groups;
}

/** The directories of a group and of those around it, from the inside out. In a container the outer ones are not there. */
function* directoriesOf(root: string, { version, path }: Group): Generator<string> {
  const mount = join(root, mounts[version]);
  for (let at = join('/', path); ; at = dirname(at)) {
    yield join(mount, at);
    if (at === '/') return;
  }
}

/** The least of all limits that count for this process, bytes; the machine's memory where there is none. */
export function memoryLimit(root = '/'): number {
  const kibibytes = numberOf(readText(join(root, 'proc/meminfo')), 'MemTotal');
  let least = kibibytes === null ? Infinity : kibibytes * 1024;
  for (const group of groupsOf(root)) {
    for (const directory of directoriesOf(root, group)) {
      // "max" is no number, and no limit.
      const limit = Number(readText(join(directory, files[group.version].limit))?.trim() || NaN);
      if (limit < least) least = limit;
    }
  }
  return least;
}

/** How many processes of this process' group the kernel has killed for want of memory; null where it does not tell. */
export function memoryKills(root = '/'): number | null {
  for (const group of groupsOf(root)) {
    for (const directory of directoriesOf(root, group)) {
      const kills = numberOf(readText(join(directory, files[group.version].kills)), 'oom_kill');
      if (kills !== null) return kills;
    }
  }
  return numberOf(readText(join(root, 'proc/vmstat')), 'oom_kill');
}
