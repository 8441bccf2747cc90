// GPS tracks (GPX 1.0, 1.1): where the platform was. sax, because it reads XML as a stream, knows no document type
// definitions, and replaces none but the five entities of XML itself: others are how XML is made to explode.
import sax from 'sax';
import { sidecarBudget } from '../budgets.js';
import { dateOf } from './date.js';
import type { Mended } from './mended.js';
import { isAbsent, numberOf } from './number.js';
import { counted, cut, faultOfTime, faultOfValue, wrong, type Row, type Sidecar } from './row.js';
import { textOf } from './text.js';

interface Point {
  lat?: string;
  lon?: string;
  ele?: string;
  time?: string;
  course?: string;
  speed?: string;
}

const pointPath = 'gpx/trk/trkseg/trkpt';
const fields: readonly (keyof Point)[] = ['ele', 'time', 'course', 'speed'];
const isField = (name: string): name is 'ele' => (fields as readonly string[]).includes(name);

/** The name without its namespace's prefix: "gpx:trkpt". Who asks for a track means GPX. */
const local = (name: string): string => name.slice(name.indexOf(':') + 1);

/** Gives the points of a track as the text comes in. */
class PointReader {
  private readonly parser = sax.parser(true);
  private readonly path: string[] = [];
  private readonly ready: Point[] = [];
  private point: Point | null = null;
  private text = '';
  private attributes = 0;
  /** What is wrong with the XML, and where. */
  private fault: string | null = null;

  constructor() {
    const { parser, path } = this;
    parser.onopentagstart = () => {
      this.attributes = 0;
    };
    parser.onattribute = () => {
      if (++this.attributes > sidecarBudget.xmlAttributes) this.fail('an element has too many attributes');
    };
    parser.onopentag = ({ name, attributes: { lat, lon } }) => {
      if (path.length >= sidecarBudget.xmlDepth) this.fail('its elements stand too deep in one another');
      else path.push(local(name));
      if (path.join('/') === pointPath)
        this.point = { ...(typeof lat === 'string' && { lat }), ...(typeof lon === 'string' && { lon }) };
      this.text = '';
    };
    parser.ontext = parser.oncdata = (text) => {
      if (this.text.length < sidecarBudget.xmlCharacters) this.text += text.slice(0, sidecarBudget.xmlCharacters);
    };
    parser.onclosetag = (closed) => {
      const name = local(closed);
      path.pop();
      const parent = path.join('/');
      if (this.point && parent === pointPath && isField(name)) this.point[name] = this.text.trim();
      if (this.point && parent === 'gpx/trk/trkseg') {
        this.ready.push(this.point);
        this.point = null;
      }
    };
    parser.onerror = (error) => {
      // An entity that is not replaced stays as it is written.
      if (error.message.startsWith('Invalid character entity')) parser.resume();
      else this.fail(error.message.split('\n')[0] ?? '');
    };
  }

  private fail(what: string): void {
    this.fault ??= `${what} (line ${this.parser.line + 1})`;
  }

  /** Points that are whole now; throws the fault's words. */
  push(text: string): Point[] {
    this.parser.write(text);
    return this.take();
  }

  end(): Point[] {
    this.parser.close();
    return this.take();
  }

  private take(): Point[] {
    if (this.fault !== null) throw new XmlFault(this.fault);
    return this.ready.splice(0);
  }
}

class XmlFault extends Error {}

async function* pointsOf(sidecar: Sidecar): AsyncGenerator<Point> {
  const reader = new PointReader();
  try {
    for await (const chunk of textOf(sidecar.path)) yield* reader.push(chunk);
    yield* reader.end();
  } catch (error) {
    throw error instanceof XmlFault ? wrong(sidecar, '', `it is no GPX: ${error.message}`) : error;
  }
}

const values: readonly (readonly [field: keyof Point, tag: number])[] = [
  ['course', 5],
  ['lat', 13],
  ['lon', 14],
  ['ele', 15],
  ['speed', 56],
];

/** A value of a point, or what is wrong with it; null when there is none. */
function valueOf(point: Point, field: keyof Point, tag: number): number | string | null {
  const text = (point[field] ?? '').trim();
  if (isAbsent(text)) return null;
  const number = numberOf(text) ?? numberOf(text, ',');
  if (number === null) return `${field} is "${cut(text)}", which is no number.`;
  const value = counted(tag, number);
  return faultOfValue(tag, value) ?? value;
}

/** The time of a point, or what is wrong with it. */
function timeOf({ time }: Point): number | string {
  if (time === undefined || time === '') return 'the time is missing; a track without times cannot be played.';
  const stamp = dateOf(time);
  if (stamp === null) return `the time is "${cut(time)}"; it must be written as 2024-06-01T10:00:00Z.`;
  return faultOfTime(stamp) ?? stamp;
}

export const gpxReader = (sidecar: Sidecar): ((mended: Mended) => AsyncGenerator<Row>) =>
  async function* rows(mended) {
    let count = 0;
    let kept = 0;
    for await (const point of pointsOf(sidecar)) {
      const where = `track point ${++count}`;
      const stamp = timeOf(point);
      if (typeof stamp === 'string') {
        mended.row('point', 'time', where, stamp);
        continue;
      }
      const items: Row['items'] = [[2, stamp]];
      let fault: string | null = null;
      for (const [field, tag] of values) {
        const value = valueOf(point, field, tag);
        const isPlace = tag === 13 || tag === 14;
        if (typeof value === 'number') items.push([tag, value]);
        else if (isPlace) fault ??= value ?? `${field} is missing.`;
        else if (value !== null) mended.value(field, where, value);
      }
      if (fault !== null) {
        mended.row('point', 'place', where, fault);
        continue;
      }
      kept++;
      yield { items, mediaTime: null };
    }
    if (kept === 0) throw mended.nothing('it holds no track (trk with trkpt).');
  };
