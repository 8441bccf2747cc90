// GPS tracks (GPX 1.0, 1.1): where the platform was. fast-xml-parser, with entities left alone: they are how XML is made to
// explode.
import { readFile } from 'node:fs/promises';
import { XMLParser } from 'fast-xml-parser';
import { SyntaxValidator } from 'fast-xml-validator';
import { inRange, microseconds, wrong, type Row, type Sidecar } from './row.js';

interface Point {
  '@lat'?: string;
  '@lon'?: string;
  ele?: string;
  time?: string;
  course?: string;
  speed?: string;
}

const listed = ['trk', 'trkseg', 'trkpt', 'rte', 'rtept'];

export async function* gpxRows(sidecar: Sidecar): AsyncGenerator<Row> {
  const text = await readFile(sidecar.path, 'utf8');
  try {
    SyntaxValidator.validate(text);
  } catch (error) {
    throw wrong(sidecar, '', `it is no GPX: ${error instanceof Error ? error.message : 'it is no XML'}`);
  }
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseTagValue: false,
    parseAttributeValue: false,
    processEntities: false,
    isArray: (name) => listed.includes(name),
  });
  const { gpx } = parser.parse(text) as { gpx?: { trk?: { trkseg?: { trkpt?: Point[] }[] }[] } };
  const points = (gpx?.trk ?? []).flatMap(({ trkseg = [] }) => trkseg.flatMap(({ trkpt = [] }) => trkpt));
  if (points.length === 0) throw wrong(sidecar, '', 'it holds no track (trk with trkpt).');
  let before = 0;
  for (const [index, point] of points.entries()) {
    const where = `track point ${index + 1}`;
    const number = (tag: number, value: string | undefined, name: string): [number, number][] => {
      if (value === undefined || value === '') return [];
      if (!Number.isFinite(Number(value))) throw wrong(sidecar, where, `${name} is "${value}", which is no number.`);
      return [[tag, inRange(sidecar, where, tag, Number(value))]];
    };
    if (point['@lat'] === undefined || point['@lon'] === undefined)
      throw wrong(sidecar, where, 'lat or lon is missing.');
    if (point.time === undefined) throw wrong(sidecar, where, 'the time is missing; a track without times cannot be played.'); // prettier-ignore
    const stamp = microseconds(sidecar, where, Date.parse(point.time) * 1000);
    if (stamp < before) throw wrong(sidecar, where, `the time ${point.time} is before that of the point before it.`);
    before = stamp;
    yield {
      items: [
        [2, stamp],
        ...number(5, point.course, 'course'),
        ...number(13, point['@lat'], 'lat'),
        ...number(14, point['@lon'], 'lon'),
        ...number(15, point.ele, 'ele'),
        ...number(56, point.speed, 'speed'),
      ],
      mediaTime: null,
    };
  }
}
