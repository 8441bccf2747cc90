// What a guesser gets, and what becomes of those who sign in beside it.
import { setImmediate as turn } from 'node:timers/promises';
import type { User } from '@sortie/common/users';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RestError } from '../arcgis/errors.js';
import { places } from './fair-queue.js';
import { Limits, limits, networkOf, windowMs } from './limits.js';
import { Passwords } from './passwords.js';

/** Everybody's password is `right`; each look is noted, and takes a turn of the event loop. */
function door(): { passwords: Passwords; looked: string[]; pass: (ms: number) => void; atOnce: () => number } {
  const looked: string[] = [];
  let time = 1_000;
  let running = 0;
  let most = 0;
  const check = async (username: string, password: string): Promise<User | null> => {
    looked.push(`${username}:${password}`);
    most = Math.max(most, ++running);
    await turn();
    running--;
    return password === 'right' ? { username, role: 'publisher' } : null;
  };
  const passwords = new Passwords(check, new Limits(() => time));
  return { passwords, looked, pass: (ms) => (time += ms), atOnce: () => most };
}

const home = '10.0.0.1';
type Outcome = User | number | null;
const outcomeOf = (answer: Promise<User | null>): Promise<Outcome> =>
  answer.catch((error: unknown) => {
    assert.instance(error, RestError);
    const { code, retryAfterSeconds = 0 } = error as RestError;
    assert.ok(retryAfterSeconds > 0, `${code} says when to come again`);
    return code;
  });
const opened = (outcome: Outcome): boolean => typeof outcome === 'object' && outcome !== null;

test('500 guesses at once stop at the limit, and a sign-in from elsewhere is answered among the first', async () => {
  const { passwords, looked, atOnce } = door();
  for (let index = 0; index < 2; index++) {
    await outcomeOf(passwords.signIn({ username: 'bob', password: 'guess', address: '192.0.2.7' }));
  }
  looked.length = 0;
  const guesses = Array.from({ length: 500 }, (_, index) =>
    outcomeOf(passwords.signIn({ username: 'bob', password: `guess ${index}`, address: '192.0.2.7' })),
  );
  const honest = await passwords.signIn({ username: 'bob', password: 'right', address: home });
  assert.is(honest?.username, 'bob');
  // One look was under way, and one more had its turn.
  assert.ok(looked.indexOf('bob:right') <= 2, looked.join());
  const outcomes = await Promise.all(guesses);
  for (let round = 0; round < 5; round++) {
    outcomes.push(
      ...(await Promise.all(
        Array.from({ length: 100 }, () =>
          outcomeOf(passwords.signIn({ username: 'bob', password: 'guess', address: '192.0.2.7' })),
        ),
      )),
    );
  }
  assert.is(looked.length, 1 + limits.pair - 2);
  assert.is(outcomes.filter((outcome) => outcome === null).length, limits.pair - 2);
  assert.ok(outcomes.every((outcome) => outcome === null || outcome === 429 || outcome === 503));
  assert.is(atOnce(), 1);
});

test('whoever signed in from an address before is let in there, whatever others do from it or with the name', async () => {
  const { passwords, looked } = door();
  assert.ok(await passwords.signIn({ username: 'bob', password: 'right', address: home }));
  for (let index = 0; index < 2 * limits.address; index++) {
    await outcomeOf(passwords.signIn({ username: `name ${index}`, password: 'guess', address: home }));
  }
  assert.is(looked.length, 1 + limits.address);
  for (let index = 0; index < 2 * limits.name; index++) {
    await outcomeOf(passwords.signIn({ username: 'bob', password: 'guess', address: `192.0.2.${index}` }));
  }
  assert.ok(await passwords.signIn({ username: 'bob', password: 'right', address: home }));
});

test('a name that is guessed at from everywhere still opens from a new place, and guessers get one try each', async () => {
  const { passwords, looked } = door();
  const guess = (address: string): Promise<Outcome> =>
    outcomeOf(passwords.signIn({ username: 'bob', password: 'guess', address }));
  for (let index = 0; index < limits.name; index++) await guess(`192.0.2.${index}`);
  looked.length = 0;
  for (let round = 0; round < 3; round++) for (let index = 0; index < 20; index++) await guess(`198.51.100.${index}`);
  assert.is(looked.length, 20);
  assert.ok(await passwords.signIn({ username: 'bob', password: 'right', address: home }));
});

test('a full queue of strangers keeps nobody out who is known', async () => {
  const { passwords, looked } = door();
  assert.ok(await passwords.signIn({ username: 'bob', password: 'right', address: home }));
  const guesses = Array.from({ length: 500 }, (_, index) =>
    outcomeOf(passwords.signIn({ username: `name ${index}`, password: 'guess', address: `10.1.${index}.1` })),
  );
  assert.is(await outcomeOf(passwords.signIn({ username: 'eve', password: 'right', address: '10.2.0.1' })), 503);
  assert.ok(await passwords.signIn({ username: 'bob', password: 'right', address: home }));
  assert.ok(looked.length <= 4, 'it had its turn soon');
  await Promise.all(guesses);
  assert.is(looked.length, 2 + places.lane + 1);
});

test('right passwords use nothing up; wrong ones are forgotten after a minute', async () => {
  const { passwords, pass } = door();
  const signIn = (password: string, address: string): Promise<Outcome> =>
    outcomeOf(passwords.signIn({ username: 'bob', password, address }));
  for (let index = 0; index < 3 * limits.address; index++) assert.ok(opened(await signIn('right', home)));
  for (let index = 0; index < limits.known; index++) assert.is(await signIn('guess', home), null);
  assert.is(await signIn('right', home), 429);
  pass(windowMs);
  assert.ok(opened(await signIn('right', home)));
});

test('what nobody has for a name or a password is not computed', async () => {
  const { passwords, looked } = door();
  assert.is(await passwords.signIn({ username: 'x'.repeat(300), password: 'right', address: home }), null);
  assert.is(await passwords.signIn({ username: 'bob', password: 'x'.repeat(300), address: home }), null);
  assert.equal(looked, []);
});

test('addresses count by what one customer has', () => {
  const cases = [
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ];
  for (const [address = '', network = ''] of cases) assert.is(networkOf(address), network);
});

test.run();
