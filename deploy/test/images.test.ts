// Builds the images for real and runs a whole job through programs started from them, beside a real PostgreSQL and a real
// NATS. As root and where mounting is allowed: buildah and the programs' read-only roots need that.
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Rest } from '@sortie/cli/rest';
import { freePort } from '@sortie/common/free-port';
import { identityOf, makeKeys, type Holder } from '@sortie/common/identity/make-keys';
import type { Program } from '@sortie/common/testing/child';
import { startNats, type TestNats } from '@sortie/common/testing/nats';
import { startPostgres, type TestPostgres } from '@sortie/common/testing/postgres';
import { saveUser } from '@sortie/common/users';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { suite, test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildah, Container } from './container.js';

const targets = ['gateway', 'job', 'ingest-api', 'ingest-worker'] as const;
type Target = (typeof targets)[number];

interface Bill {
  bomFormat: string;
  metadata: { component: { name: string } };
  components: { purl: string }[];
}

interface Context {
  containers: Record<Target, Container>;
  directory: string;
  nats: TestNats;
  postgres: TestPostgres;
}

const it = suite<Context>('images');
const uid = 10_001;
const script = fileURLToPath(new URL('../../deploy/images/build', import.meta.url));
/** What the script ends with where images cannot be built. */
const cannot = 3;

function build(targets: readonly string[], env: NodeJS.ProcessEnv): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(script, targets, { encoding: 'utf8', env, maxBuffer: 1 << 28 });
  return { status, said: stdout + stderr.slice(-4000) };
}

test('where nothing builds images, it is said what to install', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'sortie-path-'));
  for (const tool of ['bash', 'dirname', 'env']) await symlink(`/usr/bin/${tool}`, join(empty, tool));
  const { status, said } = build([], { PATH: empty });
  await rm(empty, { recursive: true });
  assert.is(status, cannot);
  assert.match(said, /apt-get install buildah/);
});

function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'only root can';
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) return 'nothing may be mounted here';
  if (spawnSync('buildah', ['--version']).status !== 0) return 'buildah is not installed';
  return null;
}

/** Images of the tests are kept for the next time, apart from those of the machine (containers-storage.conf(5)). */
function useOwnStore(): void {
  const store = '/var/cache/sortie-images';
  const driver = buildah('info', '--format', '{{.store.GraphDriverName}}');
  mkdirSync(store, { recursive: true, mode: 0o700 });
  const conf = join(store, 'storage.conf');
  writeFileSync(conf, `[storage]\ndriver = "${driver}"\ngraphroot = "${store}/graph"\nrunroot = "${store}/run"\n`);
  process.env['CONTAINERS_STORAGE_CONF'] = conf;
}

it.before(async (context) => {
  const made = targets.map((target) => [target, Container.from(`localhost/sortie-${target}:dev`)] as const);
  context.containers = Object.fromEntries(made) as Record<Target, Container>;
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-images-'));
  context.nats = await startNats();
  context.postgres = await startPostgres();
});
it.after(async ({ containers, directory, nats, postgres }) => {
  for (const container of Object.values(containers)) container.remove();
  await nats.stop();
  await postgres.stop();
  await rm(directory, { recursive: true });
});

it('nobody in them is root, nothing can be written, nothing compiles', ({ containers }) => {
  for (const [target, container] of Object.entries(containers)) {
    assert.is(container.config.User, `${uid}:${uid}`, target);
    assert.match(container.run(['id']).output, `uid=${uid} gid=${uid} groups=${uid}`, target);
    assert.match(container.run(['touch', '/sortie/x']).output, 'Read-only file system', target);
    assert.ok(container.run(['node', '--version']).good, target);
    for (const tool of ['cc', 'gcc', 'g++', 'make', 'python3', 'npm']) {
      assert.not(container.run(['sh', '-c', `command -v ${tool}`]).good, `${target} has ${tool}`);
    }
    const odd = execFileSync(
      'find',
      [
        container.root,
        '-xdev',
        '(',
        '-path',
        '*standin*',
        '-o',
        '-name',
        '*.test.js',
        '-o',
        '-name',
        'typescript',
        ')',
      ],
      { encoding: 'utf8' },
    );
    assert.is(odd, '', target);
  }
});

it('each says what it is made of, and of which revision', async ({ containers }) => {
  for (const [target, container] of Object.entries(containers)) {
    const bill = JSON.parse(await readFile(join(container.root, 'usr/share/doc/sortie/sbom.json'), 'utf8')) as Bill;
    assert.equal([bill.bomFormat, bill.metadata.component.name], ['CycloneDX', `sortie-${target}`]);
    const purls = bill.components.map(({ purl }) => purl);
    const has = (start: string): boolean => purls.some((purl) => purl.startsWith(start));
    const node = container.run(['node', '--version']).output.trim();
    for (const start of ['pkg:deb/debian/libc6@', 'pkg:npm/prom-client@', `pkg:github/nodejs/node@${node}`]) assert.ok(has(start), `${target}: ${start}`); // prettier-ignore
    assert.is(has('pkg:deb/debian/libavcodec'), target === 'ingest-worker', target);
    assert.is(has('pkg:npm/%40electric-sql/pglite@'), target === 'job', target);
    for (const absent of ['ffprobe-static', 'typescript', 'uvu']) assert.not.ok(has(`pkg:npm/${absent}@`), absent);
    const labels = container.config.Labels ?? {};
    assert.is(labels['org.opencontainers.image.title'], `sortie-${target}`);
    assert.is(labels['org.opencontainers.image.licenses'], 'Apache-2.0');
    for (const name of ['version', 'created']) assert.ok(labels[`org.opencontainers.image.${name}`], name);
    for (const name of ['revision', 'source']) assert.type(labels[`org.opencontainers.image.${name}`], 'string');
  }
});

it("the worker has Debian's ffprobe; no other image has libraries for media", ({ containers }) => {
  assert.match(containers['ingest-worker'].run(['ffprobe', '-version']).output, /ffprobe version \S+deb12/);
  for (const target of ['gateway', 'job', 'ingest-api'] as const) {
    const found = containers[target].run(['sh', '-c', 'ls /usr/lib/*/libav*']).good;
    assert.not(found, target);
  }
});

it('a job goes through programs started from them, and what comes out plays', async (context) => {
  const { containers, directory, nats, postgres } = context;
  const storage = join(directory, 'storage');
  const secrets = join(directory, 'secrets');
  for (const folder of [storage, secrets]) await mkdir(folder);
  await chown(storage, uid, uid);
  const password = randomBytes(12).toString('base64url');
  await saveUser(join(secrets, 'users.json'), { username: 'admin', role: 'administrator' }, password);
  await writeFile(join(secrets, 'token.key'), randomBytes(32));
  for (const name of ['users.json', 'token.key']) await chown(join(secrets, name), uid, uid);
  const [gateway, job, ingest, ...metrics] = await Promise.all(Array.from({ length: 7 }, freePort));
  const address = (port: number | undefined): string => `127.0.0.1:${port ?? 0}`;
  const common = {
    SORTIE_JOB_ADDRESS: address(job),
    SORTIE_INGEST_ADDRESS: address(ingest),
    SORTIE_NATS_URL: nats.url,
    SORTIE_IDENTITY: '/identity',
  };
  const identities = join(directory, 'identity');
  makeKeys(identities);
  for (const name of await readdir(identities, { recursive: true })) await chown(join(identities, name), uid, uid);
  const identity = (holder: Holder): Record<string, string> => ({ '/identity': identityOf(identities, holder) });
  const files = { SORTIE_STORAGE: '/var/lib/sortie' };
  const volumes = { '/var/lib/sortie': storage };

  const running: Program[] = [];
  const start = async (
    target: Target,
    environment: Record<string, string>,
    mounts: Record<string, string> = {},
  ): Promise<void> => {
    const port = metrics[targets.indexOf(target)] ?? 0;
    running.push(await containers[target].start({ ...common, ...environment }, mounts, port));
  };
  try {
    // As the pods' init container does.
    const migrate = ['/usr/local/bin/node', 'services/job/dist/migrate-main.js'];
    const migrated = containers.job.run(migrate, { SORTIE_DATABASE: postgres.url });
    assert.ok(migrated.good, migrated.output);
    await start('job', { SORTIE_JOB_LISTEN: address(job), SORTIE_DATABASE: postgres.url }, identity('job'));
    await start(
      'ingest-api',
      { SORTIE_INGEST_LISTEN: address(ingest), ...files },
      { ...volumes, ...identity('ingest-api') },
    );
    await start('ingest-worker', files, { ...volumes, ...identity('worker') });
    const keys = { SORTIE_USERS_FILE: '/secrets/users.json', SORTIE_TOKEN_KEY_FILE: '/secrets/token.key' };
    await start(
      'gateway',
      { SORTIE_GATEWAY_LISTEN: address(gateway), ...keys },
      { '/secrets': secrets, ...identity('gateway') },
    );
    for (const { child } of running) {
      const status = await readFile(`/proc/${child.pid ?? 0}/status`, 'utf8');
      assert.match(status, new RegExp(`^Uid:\\s+${uid}\\s+${uid}`, 'm'));
      assert.match(status, /^CapEff:\s+0+$/m);
    }

    const flight = join(directory, 'flight.ts');
    await generateFlight(flight, { seconds: 6, width: 1280, height: 720, fps: 30 });
    const rest = new Rest(`http://${address(gateway)}`);
    await rest.signIn('admin', password, 60);
    await rest.createService('Flight');
    const jobId = await rest.addLayer('Flight', 'Flight', [await rest.upload(flight, () => undefined)], 'sd,hd');
    const done = await rest.watch(jobId, () => undefined);
    assert.is(done.status, 'COMPLETED', JSON.stringify(done.customAttributes.sortie?.error));

    const path = `arcgis/rest/services/Flight/VideoServer/0/ABR.m3u8?token=${rest.currentToken}`;
    const playlist = await fetch(`http://${address(gateway)}/${path}`);
    assert.match(await playlist.text(), /RESOLUTION=1280x720/);
    // An independent player decodes every frame of every rendition.
    const { output } = JSON.parse(await readFile(join(storage, 'layers/flight/0/layer.json'), 'utf8')) as { output: string }; // prettier-ignore
    const layer = join(storage, 'layers/flight/0', output);
    const abr = join(layer, 'ABR.m3u8');
    const decoded = spawnSync('ffmpeg', ['-v', 'error', '-i', abr, '-map', '0:v', '-map', '0:a', '-f', 'null', '-'], {
      encoding: 'utf8',
    });
    assert.equal([decoded.status, decoded.stderr], [0, '']);
    assert.ok((await readFile(join(layer, 'telemetry/packets.ndjson'), 'utf8')).length > 1000);
  } finally {
    for (const program of running.reverse()) await program.stop();
  }
});

test.run();

const reason = whyNot();
if (reason === null) useOwnStore();
// The stage that compiles gets a name as well: it stays for the next time, and what is left of earlier builds goes.
const built = reason === null ? build(['build', ...targets], { ...process.env, BUILDER: 'buildah' }) : null;
if (built?.status === 0) {
  const sizes = built.said.split('\n').filter((line) => /^localhost\/\S+ [\d.]+ \w+$/.test(line));
  process.stdout.write(`${sizes.join('\n')}\n`);
  // The containers of a build that was killed hold its images.
  buildah('rm', '--all');
  buildah('rmi', '--prune');
  it.run();
} else if (built === null || built.status === cannot) {
  process.stdout.write(`SKIPPED: the images are not built here: ${reason ?? built?.said.trim().split('\n').at(-1)}.\n`);
} else throw new Error(built.said);
