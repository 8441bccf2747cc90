import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { csvHeader, csvLine } from '../klv/csv.js';
import { nowhere } from '../klv/geometry.js';
import { encodePacket } from '../klv/encode.js';
import { convertedFrom, type TimedPacket } from '../klv/read.js';
import { State } from '../klv/state.js';
import { Notes } from '../telemetry/notes.js';
import { readSidecar } from './read.js';

/** A video of an hour that tells no time. */
const video = { duration: 3600, creationTime: null, clock: null };

const it = suite<{ directory: string }>('sidecars');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-sidecar-'));
});
it.after(({ directory }) => rm(directory, { recursive: true, force: true }));

async function read(directory: string, name: string, text: string): Promise<TimedPacket[]> {
  const path = join(directory, name);
  await writeFile(path, text);
  const packets: TimedPacket[] = [];
  for await (const packet of readSidecar({ name, path }, new Notes(), video)) packets.push(packet);
  return packets;
}

const values = (packets: readonly TimedPacket[], ...tags: number[]): unknown[] =>
  packets.map(({ packet }) =>
    tags.map((tag) => {
      const value = packet.item(tag)?.value;
      return typeof value === 'number' && tag !== 2 ? Math.round(value * 1e4) / 1e4 : value;
    }),
  );

const stamp = 1_700_000_000_000_000;

it('a table with the names of the template, in any order, with units or without', async ({ directory }) => {
  const text = `\uFEFFSensor Longitude (deg),Precision Timestamp (µs),SENSOR LATITUDE,Sensor Ellipsoid Height Extended [m],Mission ID,Operator\r\n7.5,${stamp},46.5,1200.5,"A, ""b""",x\r\n\r\n7.6,${stamp + 1e6},46.6,,,\r\n`;
  const packets = await read(directory, 'Flight.CSV', text);
  assert.equal(values(packets, 2, 3, 13, 14, 104), [
    [stamp, 'A, "b"', 46.5, 7.5, 1200.5],
    [stamp + 1e6, undefined, 46.6, 7.6, undefined],
  ]);
  assert.ok(packets.every(({ packet, sidecar }) => packet.checksum === 'ok' && sidecar === 'csv'));
});

it('the table that a layer offers can be given back', async ({ directory }) => {
  const [packet] = await read(directory, 'a.csv', `Precision Timestamp,Sensor Latitude,Sensor Longitude,Mission ID\n${stamp},46.5,7.5,=1+1\n`); // prettier-ignore
  assert.ok(packet);
  if (!packet) return;
  const line = csvLine(0, packet.packet.utc, new State().update(packet.packet, 0), nowhere);
  assert.match(line, "'=1+1");
  const again = await read(directory, 'b.csv', csvHeader + line);
  assert.equal(values(again, 2, 3, 13, 14), [[stamp, '=1+1', 46.5, 7.5]]);
});

it('a GPS track', async ({ directory }) => {
  const text = `<?xml version="1.0"?><gpx version="1.1"><trk><name>x</name><trkseg>
    <trkpt lat="46.5" lon="7.5"><ele>1200</ele><time>2023-11-14T22:13:20Z</time></trkpt></trkseg><trkseg>
    <trkpt lat="46.6" lon="7.6"><time>2023-11-14T22:13:21.5Z</time></trkpt></trkseg></trk></gpx>`;
  assert.equal(values(await read(directory, 'a.gpx', text), 2, 13, 14), [
    [stamp, 46.5, 7.5],
    [stamp + 1_500_000, 46.6, 7.6],
  ]);
});

it('subtitles of DJI, new and old, with the video’s time', async ({ directory }) => {
  const text = `1\r\n00:00:00,000 --> 00:00:00,033\r\n<font size="28">FrameCnt: 1, DiffTime: 33ms\r\n2023-11-14 22:13:20.500\r\n[iso: 100] [focal_len: 24.00] [latitude: 46.5] [longitude: 7.5] [rel_alt: 10.000 abs_alt: 500.000] [gb_yaw: -90.0 gb_pitch: -30.0 gb_roll: 0.0]</font>\r\n\r\n2\r\n00:00:01,500 --> 00:00:02,000\r\n[latitude: 0] [longtitude: 0]\r\n\r\n3\r\n00:01:02,250 --> 00:01:03,000\r\nGPS(7.6,46.6,20) BAROMETER:12.0\r\n`;
  const packets = await read(directory, 'a.srt', text);
  assert.equal(packets.map(({ mediaTime }) => mediaTime), [0, 62.25]); // prettier-ignore
  assert.equal(values(packets, 2, 13, 14), [
    [stamp + 500_000, 46.5, 7.5],
    [undefined, 46.6, 7.6],
  ]);
  const [yaw, altitude, pitch] = values(packets, 5, 15, 19)[0] as number[];
  assert.ok(Math.abs((yaw ?? 0) - 270) < 0.01 && Math.abs((altitude ?? 0) - 500) < 0.2 && pitch === -30);
});

it('old subtitles of aircraft that write the latitude first', async ({ directory }) => {
  const text = `1\n00:00:01,000 --> 00:00:02,000\nGPS(39.9062,116.3913,69.8) BAROMETER:91.2\n`;
  assert.equal(values(await read(directory, 'a.srt', text), 13, 14), [[39.9062, 116.3913]]);
});

it('packets of KLV beside a video stay what they are', async ({ directory }) => {
  const path = join(directory, 'a.klv');
  const bytes = [0, 1].map((index) => encodePacket([[2, BigInt(stamp + index * 1e6)], [13, 46.5]])); // prettier-ignore
  await writeFile(path, Buffer.concat([Buffer.from('junk'), ...bytes]));
  const packets: TimedPacket[] = [];
  for await (const packet of readSidecar({ name: 'A.KLV', path }, new Notes(), video)) packets.push(packet);
  assert.equal(values(packets, 2, 13), [[stamp, 46.5], [stamp + 1e6, 46.5]]); // prettier-ignore
  assert.equal(packets.map((packet) => [packet.sidecar, convertedFrom(packet)]), [['klv', undefined], ['klv', undefined]]); // prettier-ignore
});

const good = `Precision Timestamp,Sensor Latitude,Sensor Longitude\n${stamp},46.5,7.5\n`;
// prettier-ignore
const refused: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ['empty.csv', '', /empty\.csv: it is empty/],
  ['header.csv', good.split('\n')[0] ?? '', /no line with telemetry/],
  ['column.csv', 'Time,Sensor Latitude,Sensor Longitude\n1,2,3\n', /line 1: the column "Precision Timestamp" is missing \(found: Time, Sensor Latitude/],
  ['unit.csv', good.replace('Sensor Latitude', 'Sensor Latitude (rad)'), /column "Sensor Latitude \(rad\)": the unit is rad; it must be deg/],
  ['twice.csv', good.replace('Sensor Longitude', 'Sensor Latitude'), /there twice/],
  ['seconds.csv', good.replace(String(stamp), '1700000000'), /line 2: the time 1700000000 seems to be in seconds; it must be in microseconds/],
  ['milliseconds.csv', good.replace(String(stamp), '1700000000000'), /seems to be in milliseconds/],
  ['text.csv', good.replace('46.5', 'north'), /line 2: Sensor Latitude is "north", which is no number/],
  ['range.csv', good.replace('46.5', '146.5'), /line 2: Sensor Latitude is 146\.5; it must be -90 to 90 deg/],
  ['quote.csv', `${good}"${stamp},46.5,7.5\n`, /no table of comma-separated values/],
  ['broken.gpx', '<gpx><trk>', /broken\.gpx: it is no GPX/],
  ['route.gpx', '<gpx><rte><rtept lat="1" lon="2"/></rte></gpx>', /holds no track/],
  ['timeless.gpx', '<gpx><trk><trkseg><trkpt lat="1" lon="2"/></trkseg></trk></gpx>', /track point 1: the time is missing/],
  ['bomb.gpx', '<!DOCTYPE gpx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><gpx><trk><trkseg><trkpt lat="&b;" lon="2"><time>2023-11-14T22:13:20Z</time></trkpt></trkseg></trk></gpx>', /lat is "&b;", which is no number/],
  ['empty.klv', 'no packets here', /empty\.klv: it holds no KLV packet/],
  ['words.srt', 'these are words', /holds no subtitles/],
  ['plain.srt', '1\n00:00:00,000 --> 00:00:01,000\nHello\n', /none of its subtitles tells a latitude/],
];
for (const [name, text, message] of refused) {
  it(`refused with its reason: ${name}`, async ({ directory }) => {
    try {
      await read(directory, name, text);
    } catch (error) {
      assert.instance(error, SortieError);
      assert.is((error as SortieError).code, 'SIDECAR_INVALID');
      assert.match((error as SortieError).message, message);
      return;
    }
    assert.unreachable('it was taken');
  });
}

it.run();
