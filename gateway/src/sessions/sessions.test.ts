// What ends a token: each change of its user, signing out, its time. Files are read as they change.
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newLogger } from '@sortie/common/log';
import { saveUser, Users, type Role } from '@sortie/common/users';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Tokens } from '../arcgis/tokens.js';
import { openKeys } from './keys.js';
import { FileRevocations, OwnRevocations, type Revocations } from './revocations.js';
import { Sessions } from './sessions.js';

const it = suite<{ directory: string }>('sessions');
const log = newLogger('test', 'silent');

it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-sessions-'));
});
it.after.each(async ({ directory }) => {
  await rm(directory, { recursive: true });
});

const nobody = { referer: '', ip: '' };
const minute = 60_000;
const key = randomBytes(32);
const now = 1_000_000;

function sessionsOf(users: Users, revocations: Revocations = new OwnRevocations(), maxMs = 1_440 * minute): Sessions {
  return new Sessions({ tokens: new Tokens(() => [key]), find: (name) => users.find(name), revocations, maxMs });
}
const issue = (sessions: Sessions, username: string, role?: Role): string =>
  sessions.issue({ username, lifeMs: 60 * minute, binding: { kind: 'none' }, ...(role ? { role } : {}) }, now).token;

async function until(come: () => boolean): Promise<void> {
  for (let round = 0; !come(); round++) {
    assert.ok(round < 500, 'it never came');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('a new password, another role and removal each end the tokens of a user, and of no other', async ({ directory }) => {
  const path = join(directory, 'users.json');
  await saveUser(path, { username: 'ana', role: 'administrator' }, 'first password');
  await saveUser(path, { username: 'ben', role: 'publisher' }, 'first password');
  const users = new Users(path);
  await users.refresh();
  users.watch(log);
  const sessions = sessionsOf(users);
  const ben = issue(sessions, 'ben');
  const holds = (token: string): boolean => sessions.check(token, nobody, now + 1) !== null;
  const edit = async (change: (text: string) => string): Promise<void> =>
    writeFile(path, change(await readFile(path, 'utf8')));

  let ana = issue(sessions, 'ana');
  assert.is(sessions.check(ana, nobody, now + 1)?.role, 'administrator');
  await saveUser(path, { username: 'ana', role: 'administrator' }, 'first password');
  await until(() => !holds(ana));
  ana = issue(sessions, 'ana');
  assert.ok(holds(ana));
  await edit((text) => text.replace('"administrator"', '"viewer"'));
  await until(() => !holds(ana));
  ana = issue(sessions, 'ana');
  assert.is(sessions.check(ana, nobody, now + 1)?.role, 'viewer');
  // An editor that is half done throws nobody out.
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.slice(0, 20));
  await rejects(users.refresh(), /JSON/);
  assert.ok(holds(ana));
  const { users: records } = JSON.parse(whole) as { users: { username: string }[] };
  await writeFile(path, JSON.stringify({ users: records.filter(({ username }) => username !== 'ana') }));
  await until(() => !holds(ana));
  assert.throws(() => issue(sessions, 'ana'), /no user ana/);
  assert.ok(holds(ben));
  users.stop();
});

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown as Error,
  );
  assert.match(error?.message ?? 'nothing was thrown', message);
}

it('signing out ends what was issued before, for all gateways that share the file, and after a restart', async (context) => {
  const path = join(context.directory, 'revocations');
  const usersPath = join(context.directory, 'users.json');
  await saveUser(usersPath, { username: 'ana', role: 'viewer' }, 'first password');
  await saveUser(usersPath, { username: 'ben', role: 'viewer' }, 'first password');
  const users = new Users(usersPath);
  await users.refresh();
  const [here, there] = await Promise.all([FileRevocations.open(path, log), FileRevocations.open(path, log)]);
  const sessions = sessionsOf(users, here);
  const other = sessionsOf(users, there);
  const [token, ben] = [issue(sessions, 'ana'), issue(sessions, 'ben')];
  const bearer = other.check(token, nobody, now + 1);
  assert.ok(bearer);
  await sessions.end(bearer, now + 5);
  assert.is(sessions.check(token, nobody, now + 6), null);
  await until(() => other.check(token, nobody, now + 6) === null);
  assert.not(other.holds(bearer, now + 6));
  assert.ok(other.check(ben, nobody, now + 6));
  const later = sessions.issue({ username: 'ana', lifeMs: minute, binding: { kind: 'none' } }, now + 6).token;
  assert.ok(other.check(later, nobody, now + 7));
  // A write that a crash cut off takes nothing with it.
  await appendFile(path, '{"username":"b');
  await sessions.end(bearer, now + 8);
  here.stop();
  there.stop();
  const again = await FileRevocations.open(path, log);
  assert.is(again.until('ana'), now + 8);
  assert.is((await stat(path)).mode & 0o777, 0o600);
  again.stop();
});

it('no token outlives the setting, nor one that was issued under a longer one', async ({ directory }) => {
  const path = join(directory, 'users.json');
  await saveUser(path, { username: 'ana', role: 'viewer' }, 'first password');
  const users = new Users(path);
  await users.refresh();
  const wanted = { username: 'ana', lifeMs: 1e12, binding: { kind: 'none' } } as const;
  const { token, expires } = sessionsOf(users).issue(wanted, now);
  assert.is(expires, now + 1_440 * minute);
  const shorter = sessionsOf(users, new OwnRevocations(), 10 * minute);
  assert.is(shorter.check(token, nobody, now + 1)?.expires, now + 10 * minute);
  assert.is(shorter.check(token, nobody, now + 10 * minute), null);
});

it('a user of a provider has the role that it gave, unless our file knows the name', async ({ directory }) => {
  const path = join(directory, 'users.json');
  await saveUser(path, { username: 'ana', role: 'viewer' }, 'first password');
  const users = new Users(path);
  await users.refresh();
  const sessions = sessionsOf(users);
  assert.is(sessions.check(issue(sessions, 'eve', 'publisher'), nobody, now + 1)?.role, 'publisher');
  assert.is(sessions.check(issue(sessions, 'ana', 'administrator'), nobody, now + 1), null);
});

it('keys of a folder are read as they come and go: the last by name signs', async ({ directory }) => {
  const folder = join(directory, 'keys');
  await mkdir(folder);
  const [first, second] = [randomBytes(32), randomBytes(32)];
  await writeFile(join(folder, '2026-01.key'), first);
  // Kubernetes keeps its versions in such names.
  await mkdir(join(folder, '..2026_11_27'));
  const ring = await openKeys(folder, log);
  assert.equal(ring.keys(), [first]);
  await writeFile(join(folder, '2026-02.key'), second);
  await until(() => ring.keys().length === 2);
  assert.equal(ring.keys(), [second, first]);
  await rm(join(folder, '2026-01.key'));
  await until(() => ring.keys().length === 1);
  assert.equal(ring.keys(), [second]);
  ring.stop();
  await rejects(openKeys(join(directory, 'none'), log), /ENOENT/);
  await writeFile(join(directory, 'short'), 'short');
  await rejects(openKeys(join(directory, 'short'), log), /short: .*32 bytes/);
});

it.run();
