// Events on their way to the job store, which may be away.
import { Registry } from 'prom-client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SortieError } from '../errors.js';
import { Action, Result, type AuditEvent } from '../gen/sortie/audit/v1/audit.js';
import { newLogger } from '../log.js';
import { AuditLog } from './audit.js';
import { Seldom } from './seldom.js';

/** A job store that is there or not. */
function harness(most?: number) {
  const registry = new Registry();
  const stored = new Map<string, AuditEvent>();
  const state: { failure: Error | null; tries: number; onTry: () => void } = { failure: null, tries: 0, onTry: () => undefined }; // prettier-ignore
  const log = new AuditLog({
    deliver: async (events) => {
      state.tries++;
      state.onTry();
      if (state.failure) throw state.failure;
      for (const event of events) stored.set(event.eventId, event);
      return Promise.resolve();
    },
    registry,
    log: newLogger('test', 'silent'),
    retryMs: 5,
    ...(most !== undefined && { most }),
  });
  const tried = (times: number): Promise<void> =>
    new Promise((resolve) => (state.onTry = () => (state.tries >= times ? resolve() : undefined)));
  const note = (resource: string): void =>
    log.note({ action: Action.ACTION_UPLOAD, result: Result.RESULT_DONE, resource });
  const dropped = async (): Promise<number | undefined> =>
    (await registry.getSingleMetric('sortie_audit_dropped_total')?.get())?.values[0]?.value;
  return { log, state, stored, tried, note, dropped, resources: () => [...stored.values()].map(({ resource }) => resource) }; // prettier-ignore
}

const away = new SortieError('UNAVAILABLE', 'away');

test('while the job store is away events are kept, and come in their order when it is back', async () => {
  const { log, state, note, tried, resources, dropped } = harness();
  state.failure = away;
  const expected = Array.from({ length: 250 }, (_, n) => String(n));
  expected.forEach(note);
  await tried(3);
  assert.equal(resources(), []);
  state.failure = null;
  await log.stop();
  assert.equal(resources(), expected);
  assert.is(await dropped(), 0);
});

test('beyond its room the oldest are dropped and counted', async () => {
  const { log, state, note, resources, dropped } = harness(10);
  state.failure = away;
  Array.from({ length: 15 }, (_, n) => String(n)).forEach(note);
  assert.is(await dropped(), 5);
  state.failure = null;
  await log.stop();
  assert.equal(resources(), ['5', '6', '7', '8', '9', '10', '11', '12', '13', '14']);
});

test('what can never be stored holds up nothing', async () => {
  const { log, state, note, tried, resources, dropped } = harness();
  state.failure = new SortieError('INVALID_ARGUMENT', 'no');
  const once = tried(1);
  note('bad');
  await once;
  state.failure = null;
  note('good');
  await log.stop();
  assert.equal(resources(), ['good']);
  assert.is(await dropped(), 1);
});

test('a program that ends tells what it could not deliver', async () => {
  const { log, state, note, dropped } = harness();
  state.failure = away;
  note('lost');
  await log.stop();
  assert.is(await dropped(), 1);
});

test('texts of clients are made fit', async () => {
  const { log, note, resources } = harness();
  note(`a\u0000\n\ud800${'x'.repeat(600)}`);
  await log.stop();
  const [text = ''] = resources();
  assert.is(text.length, 512);
  assert.is(text.slice(0, 5), 'a\ufffd \ufffdx');
});

test('what happens again is told once', () => {
  const seldom = new Seldom(60_000);
  assert.equal([seldom.first('a', 1), seldom.first('a', 1), seldom.first('a', 2)], [true, false, true]);
});

test.run();
