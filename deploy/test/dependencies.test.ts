// Every direct dependency has a reason and one exact version, and every reason a dependency.
import { test } from 'uvu';
import * as assert from 'uvu/assert';

type Dependencies = ReadonlyMap<string, { versions: ReadonlySet<string>; users: readonly string[] }>;
interface Direct {
  directDependencies: () => Dependencies;
  reasons: () => Record<string, string>;
  faults: (dependencies: Dependencies, why: Record<string, string>) => string[];
}
const path = new URL('../local/dependencies/direct.mjs', import.meta.url).href;
const { directDependencies, reasons, faults } = (await import(path)) as Direct;

test('of this repository', () => {
  assert.ok(directDependencies().size > 20);
  assert.equal(faults(directDependencies(), reasons()), []);
});

test('what is missing, left over, in two versions or in no exact one is told', () => {
  const wrong: Dependencies = new Map([
    ['a', { versions: new Set(['1.0.0']), users: ['x'] }],
    ['b', { versions: new Set(['1.0.0', '^2.0.0']), users: ['x', 'y'] }],
  ]);
  const told = faults(wrong, { b: 'is good', c: 'was good' });
  for (const form of [/^a \(x\) has no reason/, /^c has a reason .* nobody depends on it/, /^b is asked for in several versions: 1\.0\.0, \^2\.0\.0/, /^b is asked for as "\^2\.0\.0"/]) assert.ok(told.some((line) => form.test(line)), String(form)); // prettier-ignore
  assert.is(told.length, 4);
});

test.run();
