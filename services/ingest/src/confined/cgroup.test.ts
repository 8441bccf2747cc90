// Files as the kernel writes them (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst), below a root of our own.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { memoryKills, memoryLimit } from './cgroup.js';

const it = suite<{ root: string }>('control groups');
it.before.each(async (context) => {
  context.root = await mkdtemp(join(tmpdir(), 'sortie-cgroup-'));
});
it.after.each(({ root }) => rm(root, { recursive: true, force: true }));

async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

const machine = {
  'proc/meminfo': 'MemTotal:        8388608 kB\nMemFree: 1 kB\n',
  'proc/vmstat': 'nr_free 1\noom_kill 9\n',
};
const events = (kills: number): string => `low 0\nhigh 0\nmax 12\noom 3\noom_kill ${kills}\noom_group_kill 0\n`;

it('version 2: the least limit of the groups around, and the kills of its own', async ({ root }) => {
  await write(root, {
    ...machine,
    'proc/self/cgroup': '0::/pods/pod1/worker\n',
    'sys/fs/cgroup/pods/memory.max': '4294967296\n',
    'sys/fs/cgroup/pods/pod1/memory.max': '1073741824\n',
    'sys/fs/cgroup/pods/pod1/worker/memory.max': 'max\n',
    'sys/fs/cgroup/pods/pod1/worker/memory.events': events(2),
    'sys/fs/cgroup/pods/pod1/memory.events': events(7),
  });
  assert.is(memoryLimit(root), 1024 ** 3);
  assert.is(memoryKills(root), 2);
});

it('a container sees its own group as the root', async ({ root }) => {
  await write(root, { ...machine, 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': '2147483648\n', 'sys/fs/cgroup/memory.events': events(1) }); // prettier-ignore
  assert.is(memoryLimit(root), 2 * 1024 ** 3);
  assert.is(memoryKills(root), 1);
});

it('a container without a name space of its own: the path is that of the host, and not there', async ({ root }) => {
  await write(root, { ...machine, 'proc/self/cgroup': '0::/system.slice/docker-1.scope\n', 'sys/fs/cgroup/memory.max': '3221225472\n' }); // prettier-ignore
  assert.is(memoryLimit(root), 3 * 1024 ** 3);
});

it('version 1, beside an empty version 2', async ({ root }) => {
  await write(root, {
    ...machine,
    'proc/self/cgroup': '9:name=systemd:/x\n4:memory:/job\n1:cpu,cpuacct:/\n0::/\n',
    'sys/fs/cgroup/memory/job/memory.limit_in_bytes': '536870912\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/memory/job/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n',
  });
  assert.is(memoryLimit(root), 512 * 1024 ** 2);
  assert.is(memoryKills(root), 4);
});

it('without a limit the machine’s memory counts, and the machine’s kills', async ({ root }) => {
  await write(root, { ...machine, 'proc/self/cgroup': '0::/\n' });
  assert.is(memoryLimit(root), 8 * 1024 ** 3);
  assert.is(memoryKills(root), 9);
});

it('this machine tells', () => {
  assert.ok(Number.isFinite(memoryLimit()) && memoryLimit() > 64 * 1024 ** 2);
});

it.run();
