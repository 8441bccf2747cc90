// Requests a second, by a clock of the test.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RestError } from './arcgis/errors.js';
import { Rates } from './rates.js';

const refused = (act: () => void): RestError | null => {
  try {
    act();
    return null;
  } catch (error) {
    assert.instance(error, RestError);
    return error as RestError;
  }
};

test('one user’s requests are counted by the second, and nobody else’s with them', () => {
  let now = 1_000;
  const rates = new Rates(3, () => now);
  for (let count = 0; count < 3; count++) rates.take('ana', {});
  const refusal = refused(() => rates.take('ana', {}));
  assert.is(refusal?.code, 429);
  assert.is(refusal?.retryAfterSeconds, 1);
  assert.match(refusal?.message ?? '', /^ana has made 3 requests within a second/);
  rates.take('ben', {});
  now += 1_000;
  rates.take('ana', {});
});

test('a request counts once', () => {
  const rates = new Rates(1, () => 0);
  const request = {};
  for (let times = 0; times < 5; times++) rates.take('ana', request);
  assert.ok(refused(() => rates.take('ana', {})));
});

test('no limit', () => {
  const rates = new Rates(Infinity);
  for (let times = 0; times < 10_000; times++) rates.take('ana', {});
});

test.run();
