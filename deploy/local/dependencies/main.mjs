// `npm run list-dependencies`: each direct dependency, the version that is used, the newest one by the registry, and why it is used.
// (npm runs a script that is called `dependencies` by itself after each installation.)
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { directDependencies, faults, reasons } from './direct.mjs';

const atOnce = 8;

/** By npm's own configuration, so that any registry does; null without an answer. */
async function newest(name) {
  try {
    const { stdout } = await promisify(execFile)('npm', ['view', name, 'version', '--fetch-retries=0', '--fetch-timeout=10000']);
    return stdout.trim() || null;
  } catch {
    return null;
  }
} // prettier-ignore

const dependencies = directDependencies();
const why = reasons();
const names = [...dependencies.keys()];
const latest = new Map();
const waiting = [...names];
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) latest.set(name, await newest(name));
  }),
);

const rows = [['package', 'used', 'newest', 'by', 'because it']];
for (const [name, { versions, users }] of dependencies) {
  const used = [...versions].join(', ');
  const last = latest.get(name);
  rows.push([name, used, last === null ? '?' : last === used ? '=' : last, users.map((user) => user.replace('@sortie/', '')).join(', '), why[name] ?? '?']); // prettier-ignore
}
const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
for (const row of rows) console.log(row.map((text, column) => text.padEnd(widths[column])).join('  ').trimEnd()); // prettier-ignore

const silent = names.filter((name) => latest.get(name) === null);
if (silent.length === names.length)
  console.log('\nThe registry does not answer, so that nothing is known of newer versions.');
else if (silent.length > 0) console.log(`\nThe registry told nothing of: ${silent.join(', ')}.`);
const found = faults(dependencies, why);
for (const line of found) console.error(line);
process.exitCode = found.length > 0 ? 1 : 0;
