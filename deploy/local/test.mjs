// Runs every check: generated code is fresh, formatting, lint, and each test file in a process of its own. The last line
// says how many passed and failed; a file without tests is a failure, unless it says why it has none here.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const wanted = process.argv.slice(2);
const fileLimitMs = 20 * 60 * 1000;
const atOnce = 2;
/** Those that take longest come first. */
const long = [
  'services/cli/dist/ingest',
  'services/cli/dist/gpu',
  'native/dist/test/8-gpu',
  'deploy/dist/images',
  'native/dist/test/corpus',
];
/** Whole systems of which parts die, and waits for leases: they want the machine to themselves. */
const alone = [
  'services/job/',
  'chaos',
  'services/cli/dist/local',
  'services/cli/dist/several',
  'services/cli/dist/alone',
  'services/cli/dist/metrics',
];
const isOneOf = (names, file) => names.some((name) => file.includes(name));

/** Runs a command, its output kept; killed with all its children when it takes too long. */
function run(command, parameters) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, { cwd: root, env: { ...process.env, FORCE_COLOR: '0' }, detached: true });
    let output = '';
    const note = (data) => (output += data);
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    const limit = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), fileLimitMs);
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve({ code: code ?? 1, output });
    });
  });
}

const bin = (name) => join(root, 'node_modules/.bin', name);
const checks = [
  ['protobuf lint', bin('buf'), ['lint']],
  ['protobuf format', bin('buf'), ['format', '--diff', '--exit-code']],
  ['protobuf compatibility', 'bash', ['proto/check-breaking']],
  ['generated code is fresh', 'bash', ['proto/check-generated']],
  ['formatting', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
  ['lint', bin('eslint'), ['.']],
];

const workspaces = [
  'native',
  'services/common',
  'services/job',
  'services/ingest',
  'gateway',
  'services/cli',
  'deploy',
];
const testFiles = workspaces.flatMap((workspace) => {
  const dist = join(root, workspace, 'dist');
  try {
    return readdirSync(dist, { recursive: true })
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => join(dist, name));
  } catch {
    return [];
  }
});

let passed = 0;
let failed = 0;
const say = (good, name, seconds, output) => {
  process.stdout.write(`${good ? 'ok  ' : 'FAIL'} ${name} (${seconds.toFixed(1)} s)\n`);
  if (!good) process.stdout.write(`${output}\n`);
};

for (const [name, command, parameters] of wanted.length > 0 ? [] : checks) {
  const began = Date.now();
  const { code, output } = await run(command, parameters);
  if (code === 0) passed++;
  else failed++;
  say(code === 0, name, (Date.now() - began) / 1000, output);
}

/** Runs one test file and says how it went. */
async function test(file) {
  const began = Date.now();
  const { code, output } = await run(process.execPath, ['--enable-source-maps', file]);
  // uvu's own closing lines; a file whose tests never ran has none.
  const total = Number(/^\s*Total:\s+(\d+)/m.exec(output)?.[1] ?? 0);
  const good = Number(/^\s*Passed:\s+(\d+)/m.exec(output)?.[1] ?? 0);
  const reasons = output.match(/^SKIPPED: .*$/gm) ?? [];
  const broken = Math.max(total - good, code !== 0 || (total === 0 && reasons.length === 0) ? 1 : 0);
  passed += good;
  failed += broken;
  say(broken === 0, `${relative(root, file)}: ${good} of ${total}`, (Date.now() - began) / 1000, output);
  for (const reason of reasons) process.stdout.write(`${reason}\n`);
  if (/^corpus: /m.test(output)) process.stdout.write(`${output}\n`);
}

const files = testFiles
  .filter((path) => wanted.length === 0 || wanted.some((word) => relative(root, path).includes(word)))
  .sort((a, b) => Number(isOneOf(long, b)) - Number(isOneOf(long, a)) || a.localeCompare(b));

/** Runs test files, so many beside each other. */
async function runAll(paths, workers) {
  const left = [...paths];
  const work = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) await test(file);
  };
  await Promise.all(Array.from({ length: workers }, work));
}

// Most files wait for programs of their own rather than compute, so two run beside each other.
await runAll(
  files.filter((file) => !isOneOf(alone, file)),
  Math.min(atOnce, availableParallelism()),
);
await runAll(
  files.filter((file) => isOneOf(alone, file)),
  1,
);

process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
