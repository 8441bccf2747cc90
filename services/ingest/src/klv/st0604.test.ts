import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TelemetrySource, type Container } from './source.js';
import { VideoClock, videoTimeOf } from './st0604.js';

const stamp = (status: string, time: string): string => `${status}${time.slice(0, 4)}ff${time.slice(4, 8)}ff${time.slice(8, 12)}ff${time.slice(12)}`; // prettier-ignore
const time = '0004ca14054fa654';
const h264 = Buffer.from('MISPmicrosectime').toString('hex');

// prettier-ignore
const cases: readonly (readonly [name: string, hex: string, seen: readonly [bigint, string, boolean, boolean] | null])[] = [
  ['H.264', `00000109f00000000106051c${h264}${stamp('1f', time)}80`, [0x4ca14054fa654n, 'microseconds', false, false]],
  ['HEVC, unlocked', `0000014e01051ca8687dd4d7593758a5cef0338b6545f1${stamp('9f', time)}80`, [0x4ca14054fa654n, 'microseconds', true, false]],
  ['HEVC, nanoseconds, jumped', `0000014e01051ccf848278ee23306c9265e8fef22fb8b8${stamp('5f', '12b0c0ffee000001')}80`, [0x12b0c0ffee000001n, 'nanoseconds', false, true]],
  ['prevention inside', `${h264}00000303ff0102ff0304ff0506`, [0x0003010203040506n, 'microseconds', false, false]],
  ['no marks between the bytes', `${h264}1f${time}000000`, null],
  ['cut', `${h264}1f0004ffca`, null],
  ['other user data', '0000010605200102030405', null],
];
for (const [name, hex, seen] of cases) {
  test(name, () => {
    const found = videoTimeOf(Buffer.from(hex, 'hex'), null);
    assert.equal(videoTimeOf(Buffer.from(hex, 'hex'), name.startsWith('HEVC')), found);
    assert.is(videoTimeOf(Buffer.from(hex, 'hex'), !name.startsWith('HEVC')), null);
    assert.equal(found && [found.timestamp, found.precision, found.unlocked, found.jumped], seen);
  });
}

const files: readonly (readonly [name: string, container: Container, more: readonly string[]])[] = [
  ['stamped.ts', 'mpegts', []],
  ['stamped.mp4', 'isobmff', []],
  ['fragmented.mp4', 'isobmff', ['-movflags', 'frag_keyframe+empty_moov']],
  ['stamped.mkv', 'matroska', []],
];
for (const [name, container, more] of files) {
  test(`stamps in the pictures of ${name}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sortie-st0604-'));
    try {
      const path = join(directory, name);
      const elementary = join(directory, 'plain.264');
      execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=1', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '5', '-bsf:v', 'h264_metadata=aud=insert', elementary]); // prettier-ignore
      // An access unit begins with its delimiter of two bytes; the supplement belongs behind it.
      const delimiter = Buffer.from('0000000109', 'hex');
      const plain = readFileSync(elementary);
      const parts: Buffer[] = [];
      let placed = 0;
      for (let at = 0; at >= 0;) {
        const next = plain.indexOf(delimiter, at + 1);
        const sei = Buffer.from(`0000000106051c${h264}${stamp('1f', (0x4ca14054fa654n + BigInt(placed++) * 40_000n).toString(16).padStart(16, '0'))}80`, 'hex'); // prettier-ignore
        parts.push(plain.subarray(at, at + delimiter.length + 1), sei, plain.subarray(at + delimiter.length + 1, next < 0 ? undefined : next)); // prettier-ignore
        at = next;
      }
      assert.is(placed, 25);
      writeFileSync(elementary, Buffer.concat(parts));
      execFileSync('ffmpeg', ['-v', 'error', '-r', '25', '-i', elementary, '-c', 'copy', ...more, path]);
      const source = new TelemetrySource(path, container);
      for await (const _ of source.packets());
      const { videoTimes } = source.report;
      assert.is(videoTimes?.pictures, placed);
      assert.equal([videoTimes?.first, videoTimes?.last], [0x4ca14054fa654, 0x4ca14054fa654 + 24 * 40_000]);
      assert.is(videoTimes?.unlocked, 0);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

test('without stamps the pictures are given up, but not those after the first stamp', () => {
  const clock = new VideoClock();
  const plain = Buffer.alloc(64, 0x55);
  for (let picture = 0; picture < 599; picture++) clock.look(plain, null);
  assert.ok(clock.hopeful);
  clock.look(plain, null);
  assert.not(clock.hopeful);
  const stamped = new VideoClock();
  stamped.look(Buffer.from(`${h264}${stamp('9f', time)}80`, 'hex'), false);
  for (let picture = 0; picture < 2000; picture++) stamped.look(plain, false);
  assert.ok(stamped.hopeful);
  assert.equal([stamped.times?.pictures, stamped.times?.unlocked], [1, 1]);
});

test.run();
