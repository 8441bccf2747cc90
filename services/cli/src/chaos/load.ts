// Program: many short jobs, watchers and readers at once, while workers are killed again and again. Says what was lost, doubled or
// left behind, and how long answers took. `npm run load -- [JOBS] [SECONDS]`, 1,000 jobs and 300 seconds of reading.
import { Agent, get as httpGet } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { saveUser } from '@sortie/common/users';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { Rest } from '../rest.js';
import { startFleet } from '../testing/fleet.js';
import { leftBehind } from './left-behind.js';
import { outputOf } from './output.js';

const jobCount = Number(process.argv[2] ?? 1_000);
const seconds = Number(process.argv[3] ?? 300);
/** Programs that have just started compile what they do often; what they answer meanwhile is printed and not counted. */
const warmUpSeconds = 30;
const readsPerSecond = 300;
const watcherCount = 200;
/** A user may watch so many jobs at once through one gateway. */
const watchersOfUser = 20;
const killEveryMs = 8_000;
const restartMs = 2_000;
const service = 'Load';

const directory = await mkdtemp(join(tmpdir(), 'sortie-load-'));
const work = join(directory, 'work');
const fleet = await startFleet(
  { job: 2, 'ingest-api': 2, gateway: 2, worker: 2 },
  { SORTIE_ENGINE: 'cpu', SORTIE_THREADS: '1', SORTIE_WORK_DIRECTORY: work },
);
const flight = join(directory, 'flight.ts');
await generateFlight(flight, { seconds: 1, width: 320, height: 180, fps: 30 });

const rest = new Rest(fleet.gateways[0] ?? '');
await rest.signIn(fleet.admin.username, fleet.admin.password, 600);
const tokens: string[] = [];
for (let user = 0; user < watcherCount / watchersOfUser; user++) {
  await saveUser(
    join(fleet.directory, 'data/users.json'),
    { username: `watcher${user}`, role: 'administrator' },
    'a long password',
  );
  tokens.push(await new Rest(fleet.gateways[user % 2] ?? '').signIn(`watcher${user}`, 'a long password', 600));
}
await rest.createService(service);
const file = await rest.upload(flight, () => undefined);
const jobs: string[] = [];
for (let made = 0; made < jobCount; made += 10) {
  jobs.push(...(await Promise.all(Array.from({ length: Math.min(10, jobCount - made) }, (_, index) => rest.addLayer(service, `Flight ${made + index}`, [file], 'sd'))))); // prettier-ignore
}
console.log(`${jobs.length} jobs are queued`);

let going = true;
/** Processes that nobody killed have their first number to the end. */
const pids = new Map(fleet.members.filter(({ kind }) => kind !== 'worker').map((member) => [member, member.pid]));

let kills = 0;
const killing = (async () => {
  for (let turn = 0; going; turn++) {
    await sleep(killEveryMs);
    const worker = fleet.of('worker')[turn % 2];
    if (!going || !worker) break;
    await worker.stop('SIGKILL');
    kills++;
    await sleep(restartMs);
    await worker.start();
  }
})();

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const url = (jobId: string, rest_: string, turn: number): string => `${fleet.gateways[turn % 2] ?? ''}/arcgis/rest/jobs/job/${jobId}${rest_}`; // prettier-ignore

const times: number[] = [];
/** Of the last interval: how long answers take is followed, too, for the worst may be the beginning or a moment. */
let recent: number[] = [];
const intervalMs = 10_000;
let readErrors = 0;
const read = (turn: number): Promise<void> =>
  new Promise((resolve) => {
    const began = performance.now();
    const end = (good: boolean): void => {
      if (good) {
        times.push(performance.now() - began);
        recent.push(performance.now() - began);
      } else readErrors++;
      resolve();
    };
    const jobId = jobs[(turn * 7919) % jobs.length] ?? '';
    httpGet(
      url(jobId, '?f=json', turn),
      { agent, headers: { authorization: `Bearer ${rest.currentToken}` } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('readable', () => {
          for (let part = response.read() as string | null; part !== null; part = response.read() as string | null)
            text += part;
        });
        response.on('end', () => end(text.startsWith('{"jobId"')));
      },
    ).on('error', () => end(false));
  });
const percentile = (sorted: readonly number[], part: number): string =>
  `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(0)} ms`;
const reading = (async () => {
  const began = performance.now();
  const following = setInterval(() => {
    recent.sort((a, b) => a - b);
    console.log(`  ${((performance.now() - began) / 1000).toFixed(0)} s: ${recent.length} answers, median ${percentile(recent, 0.5)}, p99 ${percentile(recent, 0.99)}`); // prettier-ignore
    recent = [];
  }, intervalMs);
  const open = new Set<Promise<void>>();
  for (let turn = 0; performance.now() - began < (warmUpSeconds + seconds) * 1000; turn++) {
    if (turn === warmUpSeconds * readsPerSecond) times.length = 0;
    const late = began + (turn * 1000) / readsPerSecond - performance.now();
    if (late > 1) await sleep(late);
    const one: Promise<void> = read(turn).finally(() => open.delete(one));
    open.add(one);
  }
  await Promise.all(open);
  clearInterval(following);
})();

const watched = { events: 0, gaps: 0, repeats: 0, errors: 0, ended: 0 };
/** One job after the other, each to its end. */
async function watch(index: number): Promise<void> {
  for (let turn = index; going && turn < jobs.length; turn += watcherCount) {
    let last = 0;
    for (let ended = false; going && !ended;) {
      try {
        const answer = await fetch(url(jobs[turn] ?? '', '/events', index), {
          headers: {
            authorization: `Bearer ${tokens[Math.floor(index / watchersOfUser)] ?? ''}`,
            'last-event-id': String(last),
          },
          signal: stopWatching.signal,
        });
        if (answer.headers.get('content-type')?.startsWith('text/event-stream') !== true)
          throw new Error(await answer.text());
        let text = '';
        for await (const part of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
          text += Buffer.from(part).toString();
          const lines = text.split('\n');
          text = lines.pop() ?? '';
          for (const line of lines) {
            const number = Number(/^id: (\d+)$/.exec(line)?.[1] ?? 0);
            if (line === 'event: end') ended = true;
            if (number === 0) continue;
            watched.events++;
            if (number <= last) watched.repeats++;
            else if (number > last + 1) watched.gaps++;
            last = number;
          }
        }
      } catch {
        if (stopWatching.signal.aborted) return;
        watched.errors++;
        await sleep(500);
      }
    }
    watched.ended++;
  }
}
const stopWatching = new AbortController();
const watching = Promise.all(Array.from({ length: watcherCount }, (_, index) => watch(index)));

await reading;
times.sort((a, b) => a - b);
console.log(
  `GET: ${times.length} in ${seconds} s, ${readErrors} errors, median ${percentile(times, 0.5)}, p99 ${percentile(times, 0.99)}, worst ${percentile(times, 1)}`,
);
const unfinished = new Set(jobs);
let completed = 0;
const others: string[] = [];
const attempts: Record<number, number> = {};
let nextNote = Date.now();
while (unfinished.size > 0) {
  for (const jobId of unfinished) {
    const job = await rest.job(jobId);
    if (job.status === 'In Progress') continue;
    unfinished.delete(jobId);
    const count = job.customAttributes.sortie?.attempts.length ?? 0;
    attempts[count] = (attempts[count] ?? 0) + 1;
    if (job.status === 'COMPLETED') completed++;
    else others.push(`${jobId} ${job.status}: ${job.messages.at(-1) ?? ''}`);
  }
  if (Date.now() > nextNote) {
    console.log(`${unfinished.size} jobs are left, ${kills} kills`);
    nextNote = Date.now() + 30_000;
  }
  await sleep(10_000);
}
going = false;
stopWatching.abort();
await Promise.all([killing, watching]);
const restarted = [...pids].filter(([member, pid]) => member.pid !== pid || !alive(pid)).map(([member]) => member.kind);
const layers = new Set<string>();
let wrong = 0;
for (let layerId = 0; layerId < jobCount; layerId++) {
  const output = outputOf(fleet.storage, service, layerId);
  if (!output || output.faults.length > 0) wrong++;
  else layers.add(output.jobId);
}
const left = await leftBehind(fleet, work);
console.log(
  `jobs: ${completed} completed, ${others.length} others, attempts ${JSON.stringify(attempts)}, ${kills} kills of workers`,
);
for (const other of others) console.log(`  ${other}`);
console.log(`layers: ${layers.size} of ${jobCount} jobs, ${wrong} missing or wrong`);
console.log(`watchers: ${JSON.stringify(watched)}`);
console.log(
  `processes that ended by themselves: ${restarted.join(', ') || 'none'}; left behind: ${left.join(', ') || 'nothing'}`,
);
agent.destroy();
await fleet.stop();
await rm(directory, { recursive: true, force: true });
const good = completed === jobCount && layers.size === jobCount && wrong === 0 && left.length === 0 && restarted.length === 0 && watched.gaps + watched.repeats === 0; // prettier-ignore
process.exit(good ? 0 : 1);

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
