// Telemetry as a WebVTT rendition whose cues are JSON, the form in which Esri's JavaScript client reads it: sets by tag id,
// 10000 and more for ST 0601, 20000 and more for ST 0102, 9xxxx for what is computed.
import { telemetryBudget } from '../budgets.js';
import { targetDuration } from '../hls/media-playlist.js';
import { continuous } from './antimeridian.js';
import { Item } from './item.js';
import type { Places, Position } from './geometry.js';
import { itemDefinition } from './st0601-table.js';
import type { State } from './state.js';

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
  /** What Esri's client passes over: the unit, and of an enumeration the words. */
  units?: string;
  meaning?: string | string[];
}

const uasSet = 10_000;
const securitySet = 20_000;
const securityItem = 48;
const frameCenterLatitude = 90_050;
const firstCorner = 90_052;
const frameOutline = 90_060;
const sensorPosition = 90_061;
const spatialReference = { wkid: 4326 };

/** "Sensor Latitude" is SensorLatitude there. */
const entryName = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '');

const point = ([x, y, z]: Position): object => ({ x, y, ...(z === undefined ? {} : { z }), spatialReference });

/** JSON in one line that WebVTT takes as it is: no "-->", no tags, no character references (WebVTT sections 4.1 and 6.4). */
const vttJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Sets, series and packs as they are, without the bytes. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Item) return { tag: value.tag, name: value.name, value: plain(value.value) };
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

const entryOf = (base: number, tag: number, name: string | undefined, item: Item, value: unknown): Entry => ({
  tagId: base + tag,
  name: name === undefined ? `Item${tag}` : entryName(name),
  value: plain(value),
  ...(item.units === undefined ? {} : { units: item.units }),
  ...(item.meaning === undefined ? {} : { meaning: item.meaning }),
});

/** What holds at a moment. Items of ST 0102 are a set of their own. */
export function cueText({ entries, security }: Pick<State, 'entries' | 'security'>, places: Places): string {
  const value = entries.flatMap(({ tag, item, value: one }) =>
    tag === securityItem ? [] : [entryOf(uasSet, tag, itemDefinition(tag)?.name, item, one)],
  );
  if (places.frameCenter) {
    const [longitude, latitude] = places.frameCenter;
    value.push({ tagId: frameCenterLatitude, name: 'FrameCenterLatitude', value: latitude, units: 'deg' });
    value.push({ tagId: frameCenterLatitude + 1, name: 'FrameCenterLongitude', value: longitude, units: 'deg' });
  }
  if (places.corners) {
    places.corners.forEach(([longitude, latitude], index) => {
      value.push({
        tagId: firstCorner + 2 * index,
        name: `CornerLatitudePoint${index + 1}`,
        value: latitude,
        units: 'deg',
      });
      value.push({
        tagId: firstCorner + 2 * index + 1,
        name: `CornerLongitudePoint${index + 1}`,
        value: longitude,
        units: 'deg',
      });
    });
    const ring = continuous(places.corners).map(([x, y]) => [x, y]);
    const rings = [[...ring, ring[0]]];
    value.push({ tagId: frameOutline, name: 'FrameOutline', value: { geometry: { rings, spatialReference } } });
  }
  if (places.sensor)
    value.push({ tagId: sensorPosition, name: 'SensorPosition', value: { geometry: point(places.sensor) } });
  const data: Entry[] = [{ tagId: uasSet, name: 'UASDatalinkLocalSet', value }];
  if (security.length > 0)
    data.push({
      tagId: securitySet,
      name: 'SecurityLocalMetadataSet',
      value: security.map((item) => entryOf(securitySet, item.tag ?? 0, item.name, item, item.value)),
    });
  return vttJson({ source: 'EsriVideoServer', data });
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
  /** Bytes of the open segment's cues. */
  private size = 0;
  /** Cues for which there was no room in their segment. */
  leftOut = 0;

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
    if (this.index >= this.ranges.length) return;
    if (this.size + cue.text.length > telemetryBudget.cuesOfSegment) {
      this.leftOut++;
      return;
    }
    this.open.push(cue);
    this.size += cue.text.length;
  }

  private async close(): Promise<void> {
    const end = this.rangeEnd;
    await this.write(this.index, vttSegment(this.open));
    this.open = this.open.filter((cue) => cue.end > end);
    this.size = this.open.reduce((sum, { text }) => sum + text.length, 0);
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
