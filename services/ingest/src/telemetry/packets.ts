// The packets of all that tells of one flight: of the video first, then of each sidecar.
import { extname } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { klvBudget } from '../budgets.js';
import { KlvReader, readKlvFile, type TimedPacket } from '../klv/read.js';
import type { TelemetrySource } from '../klv/source.js';
import { surveyBytes } from '../klv/survey.js';
import type { VideoSpan } from '../sidecar/place.js';
import { readSidecar } from '../sidecar/read.js';
import type { Sidecar } from '../sidecar/row.js';
import type { Notes } from './notes.js';

/** The same packets; throws LIMIT_EXCEEDED when there are absurdly many. */
export async function* bounded<Packet>(packets: AsyncIterable<Packet>): AsyncGenerator<Packet> {
  let count = 0;
  for await (const packet of packets) {
    if (++count > klvBudget.packets)
      throw new SortieError('LIMIT_EXCEEDED', `The telemetry has more than ${klvBudget.packets} packets.`);
    yield packet;
  }
}

/** `video`: what is known of its times when its own packets have come. */
export async function* packetsOf(
  embedded: TelemetrySource | null,
  sidecars: readonly Sidecar[],
  notes: Notes,
  video: () => VideoSpan,
): AsyncGenerator<TimedPacket> {
  if (embedded) yield* embedded.packets();
  for (const [file, sidecar] of sidecars.entries())
    for await (const packet of readSidecar(sidecar, notes, video())) yield { ...packet, file };
}

/** The first packets of what may hold KLV, for a survey. Of a sidecar that cannot be read the reading itself tells. */
export async function* firstPackets(
  embedded: TelemetrySource | null,
  sidecars: readonly Sidecar[],
): AsyncGenerator<TimedPacket> {
  if (embedded) yield* embedded.packets(surveyBytes);
  for (const [file, sidecar] of sidecars.entries())
    if (extname(sidecar.name).toLowerCase() === '.klv')
      for await (const packet of readKlvFile(sidecar.path, new KlvReader('klv'), surveyBytes))
        yield { ...packet, sidecar: 'klv', file };
}
