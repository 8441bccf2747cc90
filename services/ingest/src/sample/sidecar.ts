// A sidecar from a text, read as a job reads it: for tests.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimedPacket } from '../klv/read.js';
import type { VideoSpan } from '../sidecar/place.js';
import { readSidecar } from '../sidecar/read.js';
import { Notes } from '../telemetry/notes.js';

export interface ReadText {
  packets: TimedPacket[];
  /** What the owner is told. */
  notes: string[];
}

/** It tells no time of day. */
const shortVideo: VideoSpan = { duration: 10, creationTime: null, clock: null };

export async function readText(name: string, text: string | Buffer, video = shortVideo): Promise<ReadText> {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-sidecar-'));
  try {
    const path = join(directory, name);
    await writeFile(path, text);
    const packets: TimedPacket[] = [];
    const notes = new Notes();
    for await (const packet of readSidecar({ name, path }, notes, video)) packets.push(packet);
    return { packets, notes: notes.all.map((note) => note.text) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Of each packet the values of these items, numbers to four decimals. */
export const values = (packets: readonly TimedPacket[], ...tags: number[]): unknown[] =>
  packets.map(({ packet }) =>
    tags.map((tag) => {
      const value = packet.item(tag)?.value;
      return typeof value === 'number' && tag !== 2 ? Math.round(value * 1e4) / 1e4 : value;
    }),
  );

/** The words of a refusal. */
export async function refusal(reading: Promise<unknown>): Promise<string> {
  const outcome = await reading.then(() => null, (error: unknown) => error); // prettier-ignore
  return outcome instanceof Error ? outcome.message : 'it was taken';
}
