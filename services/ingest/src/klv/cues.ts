// Telemetry as a WebVTT rendition whose cues are JSON, the form in which Esri's JavaScript client reads it: sets by tag id,
// 10000 and more for ST 0601, 9xxxx for what is computed.
import { targetDuration } from '../hls/media-playlist.js';
import type { Item } from './item.js';
import type { Places, Position } from './geometry.js';
import type { KlvPacket } from './packet.js';

export interface Cue {
  start: number;
  end: number;
  /** One line of JSON. */
  text: string;
}

interface Entry {
  tagId: number;
  name: string;
  value: unknown;
}

const uasSet = 10_000;
const frameOutline = 90_060;
const sensorPosition = 90_061;
const spatialReference = { wkid: 4326 };
/** How long a value holds that is sent only when it changes (practice of ST 0902). */
const holdSeconds = 30;

/** "Sensor Latitude" is SensorLatitude there. */
const entryName = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '');

const point = ([x, y, z]: Position): object => ({ x, y, ...(z === undefined ? {} : { z }), spatialReference });

/** Values that are sent only when they change, kept until they are replaced, taken back, or too old. */
export class State {
  private readonly held = new Map<number, { item: Item; time: number }>();

  update(packet: KlvPacket, time: number): Item[] {
    for (const item of packet.items) {
      if (item.tag === undefined || item.tag === 1) continue;
      if (item.note === 'no longer known') this.held.delete(item.tag);
      else if (item.value !== undefined && item.value !== null) this.held.set(item.tag, { item, time });
      else this.held.delete(item.tag);
    }
    for (const [tag, { time: since }] of this.held) if (Math.abs(time - since) > holdSeconds) this.held.delete(tag);
    return [...this.held.entries()].sort(([a], [b]) => a - b).map(([, { item }]) => item);
  }
}

/** JSON in one line that WebVTT takes as it is: no "-->", no tags, no character references (WebVTT sections 4.1 and 6.4). */
const vttJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

export function cueText(items: readonly Item[], places: Places): string {
  const value: Entry[] = items.map(({ tag = 0, name = '', value: itemValue }) => ({
    tagId: uasSet + tag,
    name: name === '' ? `Item${tag}` : entryName(name),
    value: itemValue,
  }));
  if (places.corners) {
    const ring = places.corners.map(([x, y]) => [x, y]);
    const rings = [[...ring, ring[0]]];
    value.push({ tagId: frameOutline, name: 'FrameOutline', value: { geometry: { rings, spatialReference } } });
  }
  if (places.sensor)
    value.push({ tagId: sensorPosition, name: 'SensorPosition', value: { geometry: point(places.sensor) } });
  return vttJson({ source: 'EsriVideoServer', data: [{ tagId: uasSet, name: 'UASDatalinkLocalSet', value }] });
}

const timestamp = (seconds: number): string => {
  const milliseconds = Math.max(0, Math.round(seconds * 1000));
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two(milliseconds / 3_600_000)}:${two((milliseconds / 60_000) % 60)}:${two((milliseconds / 1000) % 60)}.${String(milliseconds % 1000).padStart(3, '0')}`;
};

/** The media timeline begins at 0 in all renditions (RFC 8216 section 3.5). */
const vttHeader = 'WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n';

/** A segment holds every cue that it overlaps, with its whole times. */
export const vttSegment = (cues: readonly Cue[]): string =>
  `${vttHeader}${cues.map(({ start, end, text }) => `\n${timestamp(start)} --> ${timestamp(end)}\n${text}\n`).join('')}`;

export interface TimeRange {
  start: number;
  duration: number;
}

/**
 * Spreads cues, in the order of their begin, over the segments of the picture. Memory holds one segment and the cues that
 * reach into the next.
 */
export class CueSegmenter {
  private index = 0;
  private open: Cue[] = [];

  /** `write` gets each finished segment with its number from 0 on. */
  constructor(
    private readonly ranges: readonly TimeRange[],
    private readonly write: (index: number, text: string) => Promise<void>,
  ) {}

  private get rangeEnd(): number {
    const range = this.ranges[this.index];
    return range ? range.start + range.duration : Infinity;
  }

  async add(cue: Cue): Promise<void> {
    while (this.index < this.ranges.length && cue.start >= this.rangeEnd) await this.close();
    if (this.index < this.ranges.length) this.open.push(cue);
  }

  private async close(): Promise<void> {
    const end = this.rangeEnd;
    await this.write(this.index, vttSegment(this.open));
    this.open = this.open.filter((cue) => cue.end > end);
    this.index++;
  }

  async end(): Promise<void> {
    while (this.index < this.ranges.length) await this.close();
  }
}

export const cuePlaylist = (ranges: readonly TimeRange[], name: (index: number) => string): string =>
  [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    `#EXT-X-TARGETDURATION:${targetDuration(ranges)}`,
    '#EXT-X-MEDIA-SEQUENCE:1',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    ...ranges.flatMap((range, index) => [`#EXTINF:${range.duration.toFixed(6)},`, name(index)]),
    '#EXT-X-ENDLIST',
    '',
  ].join('\n');
