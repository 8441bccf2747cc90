// Sidecars of all kinds as packets: what is no KLV becomes ST 0601, so that all takes the same way as telemetry that came in
// the video.
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { sidecarBudget } from '../budgets.js';
import { encodePacket } from '../klv/encode.js';
import { decodePacket } from '../klv/packet.js';
import { KlvReader, readKlvFile, type TimedPacket } from '../klv/read.js';
import type { Notes } from '../telemetry/notes.js';
import { csvRows } from './csv.js';
import { gpxRows } from './gpx.js';
import { wrong, type Row, type Sidecar } from './row.js';
import { srtRows } from './srt.js';

const readers: Readonly<Record<string, (sidecar: Sidecar) => AsyncGenerator<Row>>> = {
  csv: csvRows,
  txt: csvRows,
  gpx: gpxRows,
  srt: srtRows,
};
/** Item 65: the version of ST 0601 that the packets are written by. */
const version = 19;

/** Packets in the order of their time. Throws SIDECAR_INVALID with the file, the place and what to do. */
export async function* readSidecar(sidecar: Sidecar, _notes: Notes): AsyncGenerator<TimedPacket> {
  const kind = extname(sidecar.name).slice(1).toLowerCase();
  await checkSize(sidecar, kind === 'klv' ? sidecarBudget.klvBytes : sidecarBudget.textBytes);
  const packets = kind === 'klv' ? readKlvFile(sidecar.path, new KlvReader('klv')) : converted(sidecar, kind);
  let count = 0;
  for await (const packet of packets) {
    count++;
    yield { ...packet, sidecar: kind };
  }
  if (count === 0) throw wrong(sidecar, '', kind === 'klv' ? 'it holds no KLV packet.' : 'it holds no line with telemetry.'); // prettier-ignore
}

async function checkSize(sidecar: Sidecar, most: number): Promise<void> {
  const { size } = await stat(sidecar.path);
  if (size > most) throw wrong(sidecar, '', `it has ${size} bytes; at most ${most} are taken.`);
}

async function* converted(sidecar: Sidecar, kind: string): AsyncGenerator<TimedPacket> {
  const rows = readers[kind];
  if (!rows) throw wrong(sidecar, '', 'telemetry is taken from .csv, .gpx, .srt and .klv files.');
  let i = 0;
  for await (const { items, mediaTime } of rows(sidecar)) {
    const bytes = encodePacket([...items, [65, version]]);
    yield { packet: decodePacket(bytes), bytes, i: i++, ...(mediaTime === null ? {} : { mediaTime }) };
  }
}
