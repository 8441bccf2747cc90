// A track of subtitles in which an aircraft writes its telemetry, as DJI's do.
import type { Sample } from '../containers/file.js';
import { SrtForm, srtRow } from '../sidecar/srt.js';
import { sidecarBudget } from '../budgets.js';
import { packetOf, ptsOf, type Reason, type TrackPacket, type TrackReader } from './track.js';

/** Sample entries of ISO/IEC 14496-30, 3GPP TS 26.245 and QuickTime; codecs of Matroska (S_TEXT/UTF8 and so on). */
const codes = ['tx3g', 'text', 'sbtl', 'stxt', 'sbtt', 'wvtt', 'stpp'];
export const isText = (format: string): boolean => codes.includes(format) || format.startsWith('S_TEXT/');

/** In these the text stands behind its length, and boxes may follow it (3GPP TS 26.245 clause 5.17; QTFF, "Text Sample Data"). */
const withLength = ['tx3g', 'text', 'sbtl'];
const utf16Mark = 0xfeff;

export function textOf({ bytes, format }: Pick<Sample, 'bytes' | 'format'>): string {
  const framed = withLength.includes(format) && bytes.length >= 2;
  const end = framed ? Math.min(bytes.length, 2 + bytes.readUInt16BE(0)) : bytes.length;
  const text = bytes.subarray(framed ? 2 : 0, Math.min(end, sidecarBudget.blockBytes));
  if (!framed || text.length < 2 || text.readUInt16BE(0) !== utf16Mark) return text.toString('utf8');
  const even = text.subarray(2, text.length - (text.length % 2));
  return Buffer.from(even).swap16().toString('utf16le');
}

/** The order of the coordinates is decided by so many blocks, and no more characters than these. */
const lookAhead = { blocks: 200, characters: 128 * 1024 };
/** Something like a place: a name and a number with decimals. */
const hint = /\b(?:GPS|lat|latitude|lon|long|longitude)\b[^\n]{0,40}\d\.\d{3}/i;

export class TextTrack implements TrackReader {
  private readonly form = new SrtForm();
  private waiting: { text: string; time: number }[] | null = [];
  private characters = 0;
  private taken = false;
  private hinted = false;

  push(sample: Sample): TrackPacket[] {
    const block = { text: textOf(sample), time: sample.time };
    if (!this.waiting) return this.packetsOf(block);
    this.form.look(block.text);
    this.waiting.push(block);
    this.characters += block.text.length;
    const isEnough = this.waiting.length >= lookAhead.blocks || this.characters >= lookAhead.characters;
    return isEnough ? this.end() : [];
  }

  end(): TrackPacket[] {
    const blocks = this.waiting ?? [];
    this.waiting = null;
    return blocks.flatMap((block) => this.packetsOf(block));
  }

  get unread(): Reason | null {
    return this.hinted && !this.taken ? 'places unknown' : null;
  }

  private packetsOf({ text, time }: { text: string; time: number }): TrackPacket[] {
    const row = srtRow(text, time, this.form);
    this.hinted ||= row === null && hint.test(text);
    if (!row) return [];
    this.taken = true;
    return [{ bytes: packetOf(row.items), pts: ptsOf(time), form: 'subtitles' }];
  }
}
