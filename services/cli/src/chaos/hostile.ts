// Program: files and requests that are made to hold a thread, each on a running Sortie. Meanwhile the health of every program is
// asked, and somebody else's job runs. `npm run hostile -- [WORD…]` tries those whose names contain all words.
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodePacket } from '@sortie/ingest/klv/encode';
import { labelBytes } from '@sortie/ingest/klv/label';
import { writeLength } from '@sortie/ingest/klv/ber';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { publish, startSortie } from '../testing/sortie.js';
import { Lives } from './lives.js';

const stamp = 1_700_000_000_000_000;
/** A job that still runs by then is cancelled. */
const patienceMs = 4_000;

const words = process.argv.slice(2);
const isChosen = ([name]: readonly [string, unknown]): boolean => words.every((word) => name.toLowerCase().includes(word.toLowerCase())); // prettier-ignore

const sortie = await startSortie({ SORTIE_JOBS: '2', SORTIE_ENGINE: 'cpu' });
const { rest, local, directory } = sortie;
const at = (name: string): string => join(directory, name);
const flight = at('flight.ts');
await generateFlight(flight, { seconds: 4, width: 320, height: 180, fps: 30 });

/** A track of so many bytes. */
async function writeTrack(path: string, bytes: number): Promise<void> {
  const file = createWriteStream(path);
  file.write('<gpx><trk><trkseg>');
  for (let index = 0, written = 0; written < bytes; index++) {
    const point = `<trkpt lat="46.5" lon="7.5"><ele>1200.5</ele><time>${new Date(stamp / 1000 + index * 10).toISOString()}</time></trkpt>\n`; // prettier-ignore
    written += point.length;
    if (!file.write(point)) await once(file, 'drain');
  }
  file.end('</trkseg></trk></gpx>');
  await once(file, 'close');
}

/** Packets of ST 0601 whose items are all empty: of an item of two bytes becomes a line of a hundred. */
function emptyItems(bytes: number): Buffer {
  const first = encodePacket([[2, stamp]]);
  const items = Buffer.alloc(32_000);
  for (let index = 0; index < items.length; index += 2) items[index] = 3 + ((index / 2) % 90);
  const packet = Buffer.concat([first.subarray(0, labelBytes), writeLength(items.length), items]);
  return Buffer.concat([first, ...Array.from({ length: Math.floor(bytes / packet.length) }, () => packet)]);
}

let number = 0;
const someonesJob = async (): Promise<string> => {
  const began = performance.now();
  const job = await rest.watch(await publish(sortie, flight, `Other${number}`), () => undefined);
  return `${job.status} after ${((performance.now() - began) / 1000).toFixed(1)} s`;
};

async function cancel(jobId: string): Promise<string> {
  const began = performance.now();
  await fetch(`${rest.gateway}/arcgis/rest/jobs/job/${jobId}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${rest.currentToken}` },
    body: new URLSearchParams({ f: 'json' }),
  });
  const answered = performance.now() - began;
  await rest.watch(jobId, () => undefined);
  return `cancel answered in ${answered.toFixed(0)} ms, obeyed in ${(performance.now() - began).toFixed(0)} ms`;
}

const quiet = new Lives(local.vitals);
console.log(`undisturbed: ${await someonesJob()}; ${await quiet.stop()}`);

const sidecars: [string, () => Promise<string>][] = [
  ['6 kB of CSV, a header cell of blanks', async () => { const path = at('a.csv'); await writeFile(path, `Sensor Latitude(${' '.repeat(6_000)}x,b\n1,2\n`); return path; }],
  ['80 kB of SRT, digits only', async () => { const path = at('a.srt'); await writeFile(path, '1'.repeat(80_000)); return path; }],
  ['16 MB of KLV, empty items', async () => { const path = at('a.klv'); await writeFile(path, emptyItems(16_000_000)); return path; }],
  ['250 MB of GPX', async () => { const path = at('a.gpx'); await writeTrack(path, 250_000_000); return path; }],
]; // prettier-ignore
for (const [name, make] of sidecars.filter(isChosen)) {
  const sidecar = await make();
  const lives = new Lives(local.vitals);
  number++;
  const jobId = await publish(sortie, flight, `Hostile${number}`, 'sd', [sidecar]);
  const other = someonesJob();
  const ended = rest.watch(jobId, () => undefined).then(({ status, messages }) => `${status}: ${messages.at(-1)?.slice(0, 90) ?? ''}`); // prettier-ignore
  const outcome = await Promise.race([ended, sleep(patienceMs, '')]);
  const cancelled = outcome === '' ? await cancel(jobId) : '';
  console.log(`${name}: ${outcome || (await ended)}\n  ${[cancelled, `other job ${await other}`, await lives.stop()].filter((text) => text !== '').join('; ')}`); // prettier-ignore
}

async function forms(): Promise<void> {
  // Sent in chunks, so that its length is not known before it has come.
  const body = new Blob([Array.from({ length: 140_000 }, (_, index) => `k${index}=`).join('&')]);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const until = Date.now() + 8_000;
  const one = async (): Promise<void> => {
    while (Date.now() < until)
      await fetch(`${rest.gateway}/arcgis/rest/info`, { method: 'POST', body: body.stream(), duplex: 'half', headers }).then((answer) => answer.text(), () => undefined); // prettier-ignore
  };
  await Promise.all([one(), one(), one()]);
}

async function slowBodies(): Promise<void> {
  const { hostname, port } = new URL(rest.gateway);
  const sockets = Array.from({ length: 500 }, () => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.write('POST /arcgis/rest/info HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 10000\r\n\r\n'); // prettier-ignore
    return socket;
  });
  const end = Date.now() + 45_000;
  while (Date.now() < end && sockets.some((socket) => !socket.destroyed)) {
    for (const socket of sockets) if (!socket.destroyed) socket.write('x');
    await sleep(1_000);
  }
  console.log(`  ${sockets.filter((socket) => socket.destroyed).length} of ${sockets.length} slow connections were closed by the gateway`); // prettier-ignore
  for (const socket of sockets) socket.destroy();
}

const requests: [string, () => Promise<void>][] = [
  ['three clients without a token, forms of 140,000 keys', forms],
  ['500 connections whose form drips', slowBodies],
];
for (const [name, act] of requests.filter(isChosen)) {
  const lives = new Lives(local.vitals);
  number++;
  const [other] = await Promise.all([someonesJob(), act()]);
  console.log(`${name}: other job ${other}; ${await lives.stop()}`);
}
await sortie.stop();
