// GPS tracks (GPX 1.0, 1.1): where the platform was. sax, because it reads XML as a stream, knows no document type
// definitions, and replaces none but the five entities of XML itself: others are how XML is made to explode.
import { createReadStream } from 'node:fs';
import sax from 'sax';
import { sidecarBudget } from '../budgets.js';
import { inRange, microseconds, wrong, type Row, type Sidecar } from './row.js';

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
      else path.push(name);
      if (path.join('/') === pointPath)
        this.point = { ...(typeof lat === 'string' && { lat }), ...(typeof lon === 'string' && { lon }) };
      this.text = '';
    };
    parser.ontext = parser.oncdata = (text) => {
      if (this.text.length < sidecarBudget.xmlCharacters) this.text += text.slice(0, sidecarBudget.xmlCharacters);
    };
    parser.onclosetag = (name) => {
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
    const chunks = createReadStream(sidecar.path, { encoding: 'utf8' }) as AsyncIterable<string>;
    for await (const chunk of chunks) yield* reader.push(chunk);
    yield* reader.end();
  } catch (error) {
    throw error instanceof XmlFault ? wrong(sidecar, '', `it is no GPX: ${error.message}`) : error;
  }
}

export async function* gpxRows(sidecar: Sidecar): AsyncGenerator<Row> {
  let before = 0;
  let count = 0;
  for await (const { lat, lon, ele, time, course, speed } of pointsOf(sidecar)) {
    const where = `track point ${++count}`;
    const number = (tag: number, value: string | undefined, name: string): [number, number][] => {
      if (value === undefined || value === '') return [];
      if (!Number.isFinite(Number(value)))
        throw wrong(sidecar, where, `${name} is "${value.slice(0, 40)}", which is no number.`);
      return [[tag, inRange(sidecar, where, tag, Number(value))]];
    };
    if (lat === undefined || lon === undefined) throw wrong(sidecar, where, 'lat or lon is missing.');
    if (time === undefined) throw wrong(sidecar, where, 'the time is missing; a track without times cannot be played.');
    const stamp = microseconds(sidecar, where, Date.parse(time) * 1000);
    if (stamp < before) throw wrong(sidecar, where, `the time ${time} is before that of the point before it.`);
    before = stamp;
    yield {
      items: [
        [2, stamp],
        ...number(5, course, 'course'),
        ...number(13, lat, 'lat'),
        ...number(14, lon, 'lon'),
        ...number(15, ele, 'ele'),
        ...number(56, speed, 'speed'),
      ],
      mediaTime: null,
    };
  }
  if (count === 0) throw wrong(sidecar, '', 'it holds no track (trk with trkpt).');
}
