// The tracks of one file: which of them hold telemetry, by what they hold and by what the file calls it.
import type { Sample } from '../containers/file.js';
import { beginsTelemetry } from '../klv/carriage.js';
import { GpmfTrack } from './gpmf-track.js';
import { KlvTrack } from './klv-track.js';
import { isText, TextTrack } from './text-track.js';
import type { Reason, TrackPacket, TrackReader } from './track.js';

/** A track in which there is something that is not taken. */
export interface UnreadTrack {
  track: number;
  /** As the file calls its form. */
  format: string;
  reason: Reason;
}

/**
 * Tracks that tell of no flight: what Apple's phones know of their pictures (mebx), what GoPro's cameras need to mend a file
 * (fdsc), captions and subtitles in pictures.
 */
const withoutFlight = ['mebx', 'fdsc', 'c608', 'c708', 'mp4s'];
const isWithoutFlight = (format: string): boolean =>
  format === '' || withoutFlight.includes(format) || /^(?:S_|B_|D_WEBVTT)/.test(format);

function readerFor(first: Sample): TrackReader | null {
  if (beginsTelemetry(first.bytes)) return new KlvTrack();
  if (first.format === 'gpmd') return new GpmfTrack();
  return isText(first.format) ? new TextTrack() : null;
}

export class Tracks {
  private readonly readers = new Map<number, { format: string; reader: TrackReader }>();
  private readonly others: UnreadTrack[] = [];

  /** Null: nothing of the track is of use. */
  push(sample: Sample): TrackPacket[] | null {
    const { track, format } = sample;
    const known = this.readers.get(track)?.reader ?? readerFor(sample);
    if (!known) {
      if (!isWithoutFlight(format)) this.others.push({ track, format, reason: 'form unknown' });
      return null;
    }
    if (!this.readers.has(track)) this.readers.set(track, { format, reader: known });
    return known.push(sample);
  }

  *end(): Generator<{ track: number; packets: TrackPacket[] }> {
    for (const [track, { reader }] of this.readers) yield { track, packets: reader.end() };
  }

  /** Those of KLV packets. */
  get klv(): KlvTrack[] {
    return [...this.readers.values()].flatMap(({ reader }) => (reader instanceof KlvTrack ? [reader] : []));
  }

  /** At the end. */
  get unread(): UnreadTrack[] {
    const seen = [...this.readers].flatMap(([track, { format, reader }]) =>
      reader.unread === null ? [] : [{ track, format, reason: reader.unread }],
    );
    return [...this.others, ...seen];
  }
}
