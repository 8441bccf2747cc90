// What is changed: small files of each form, made here.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addKlv, type TimedKlv } from '../sample/mux.js';
import { packetAt } from '../sample/telemetry.js';
import { damage, type Mutation } from './bytes.js';
import { withGpmf } from './gpmf.js';
import { mutateIsobmff } from './isobmff.js';
import { mutateKlv, mutatePacket } from './klv.js';
import { mutateMatroska } from './matroska.js';
import type { Random } from './random.js';
import { mutateText } from './text.js';
import { mutateTransport } from './transport.js';

/** As it is uploaded. */
export interface Input {
  name: string;
  bytes: Buffer;
}

/** Files of one job, with something wrong in them. */
export interface Form {
  name: string;
  make: (random: Random) => Input[];
}

const seconds = 2;
const clockRate = 90_000;
const klvPerSecond = 5;

const picture = ['-f', 'lavfi', '-i', `testsrc2=size=160x90:rate=25:duration=${seconds}`];
const tone = ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`];
const x264 = [
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-tune',
  'zerolatency',
  '-bf',
  '2',
  '-g',
  '12',
  '-pix_fmt',
  'yuv420p',
];
const aac = ['-c:a', 'aac', '-b:a', '64k', '-ac', '1'];
const mpeg = ['-c:v', 'mpeg2video', '-g', '12', '-b:v', '300k', '-c:a', 'mp2', '-b:a', '64k'];

/** Files of containers of which no form is known here are damaged without one. */
const containers: readonly (readonly [name: string, withSubtitles: boolean, ...ffmpeg: string[]])[] = [
  ['a.ts', false, ...x264, ...aac, '-mpegts_start_pid', '0x100'],
  ['a.mp4', true, ...x264, ...aac, '-c:s', 'mov_text'],
  ['fragments.mp4', false, ...x264, ...aac, '-movflags', 'frag_keyframe+empty_moov'],
  ['a.mov', false, '-c:v', 'mjpeg', '-c:a', 'pcm_s16be'],
  ['a.mkv', true, ...x264, ...aac, '-c:s', 'srt'],
  ['a.webm', false, '-c:v', 'libvpx', '-deadline', 'realtime', '-c:a', 'libopus'],
  ['a.mpg', false, ...mpeg],
  ['a.avi', false, '-c:v', 'mpeg4', '-c:a', 'pcm_s16le'],
  ['a.flv', false, ...x264, ...aac],
  ['a.264', false, ...x264, '-an', '-f', 'h264'],
  ['a.mxf', false, '-c:v', 'mpeg2video', '-c:a', 'pcm_s16le', '-ar', '48000'],
]; // prettier-ignore

const byForm: Readonly<Record<string, Mutation>> = {
  ts: mutateTransport,
  mp4: mutateIsobmff,
  mov: mutateIsobmff,
  mkv: mutateMatroska,
  webm: mutateMatroska,
};
const mutationFor = (name: string): Mutation => byForm[name.slice(name.lastIndexOf('.') + 1)] ?? damage;

/** The length of a PES packet has 16 bits (ISO/IEC 13818-1, clause 2.4.3.7). */
const mostKlvBytes = 60_000;
const telemetry = (klv: readonly Buffer[]): TimedKlv[] =>
  klv.map((bytes, index) => ({
    bytes: bytes.subarray(0, mostKlvBytes),
    pts: 1.4 * clockRate + (index * clockRate) / klvPerSecond,
  }));

const places = Array.from({ length: 10 }, (_, index) => ({ second: index / 5, latitude: 46.5 + index / 1e4, longitude: 7.5 + index / 1e4 })); // prettier-ignore
const stamp = (second: number): string => `00:00:0${Math.floor(second)},${String(Math.round((second % 1) * 1000)).padStart(3, '0')}`; // prettier-ignore
const srt = places.map(({ second, latitude, longitude }, index) => `${index + 1}\n${stamp(second)} --> ${stamp(second + 0.2)}\n[latitude: ${latitude.toFixed(6)}] [longitude: ${longitude.toFixed(6)}] [rel_alt: 1.300 abs_alt: 600.5]\n\n`).join(''); // prettier-ignore
const ass = `[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n${places.map(({ second, latitude, longitude }) => `Dialogue: 0,0:${stamp(second).slice(3, 8)}.00,0:00:09.00,Default,,0,0,0,,HOME(E: 7, N: 46) 2020-11-01 15:29:24\\NGPS(E: ${longitude.toFixed(6)}, N: ${latitude.toFixed(6)}, 161)`).join('\n')}\n`; // prettier-ignore
const csv = `Precision Timestamp,Sensor Latitude,Sensor Longitude,Platform Heading Angle,Mission ID\n${places.map(({ second, latitude, longitude }) => `${1_717_236_000_000_000 + second * 1e6},${latitude},${longitude},90.5,"a, b"`).join('\n')}\n`; // prettier-ignore
const gpx = `<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><name>a &amp; b</name><trkseg>\n${places.map(({ second, latitude, longitude }) => `<trkpt lat="${latitude}" lon="${longitude}"><ele>600.5</ele><time>2024-06-01T10:00:0${second}Z</time></trkpt>`).join('\n')}\n</trkseg></trk></gpx>\n`; // prettier-ignore

/** Makes the files in the directory. */
export async function allForms(directory: string): Promise<Form[]> {
  const subtitles = join(directory, 'a.srt');
  await writeFile(subtitles, srt);
  const made = new Map<string, Buffer>();
  for (const [name, withSubtitles, ...settings] of containers) {
    const path = join(directory, name);
    const subtitle = withSubtitles ? ['-i', subtitles, '-map', '0', '-map', '1', '-map', '2'] : [];
    execFileSync('ffmpeg', ['-v', 'error', '-y', ...picture, ...tone, ...subtitle, '-threads', '1', '-fflags', '+bitexact', ...settings, path]); // prettier-ignore
    made.set(name, await readFile(path));
  }
  const file = (name: string): Buffer => made.get(name) ?? Buffer.alloc(0);
  const packets = Array.from({ length: seconds * klvPerSecond }, (_, index) => packetAt(index / klvPerSecond, 16 / 9));
  const flight = addKlv(file('a.ts'), telemetry(packets));
  const sidecars: [string, Buffer, Mutation][] = [
    ['a.csv', Buffer.from(csv), mutateText],
    ['a.gpx', Buffer.from(gpx), mutateText],
    ['a.srt', Buffer.from(srt), mutateText],
    ['a.ass', Buffer.from(ass), mutateText],
    ['a.klv', Buffer.concat(packets), mutateKlv],
  ];
  return [
    ...containers.map(([name]): Form => ({ name, make: (random) => [{ name, bytes: mutationFor(name)(name === 'a.ts' ? flight : file(name), random) }] })),
    { name: 'KLV in a.ts', make: (random) => [{ name: 'a.ts', bytes: addKlv(file('a.ts'), telemetry(packets.map((packet) => random.chance(0.4) ? mutatePacket(packet, random) : packet))) }] },
    { name: 'GPMF in a.mp4', make: (random) => {
      const whole = withGpmf(file('a.mp4'), seconds, random.chance(0.5) ? random : null);
      return [{ name: 'a.mp4', bytes: random.chance(0.6) ? mutateIsobmff(whole, random) : whole }];
    } },
    ...sidecars.map(([name, bytes, mutate]): Form => ({ name, make: (random) => [{ name: 'a.mpg', bytes: file('a.mpg') }, { name, bytes: mutate(bytes, random) }] })),
  ]; // prettier-ignore
}
