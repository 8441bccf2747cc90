import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KlvReader } from './read.js';
import { videoTimeOf } from './st0604.js';

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
    const found = videoTimeOf(Buffer.from(hex, 'hex'), 9);
    assert.equal(found && [found.timestamp, found.precision, found.unlocked, found.jumped], seen);
    if (found) assert.is(found.pts, 9);
  });
}

test('stamps in the pictures of a transport stream', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sortie-st0604-'));
  try {
    const path = join(directory, 'stamped.ts');
    // 32 digits of identifier, and what follows it as text: libx264 puts it before every picture.
    const sei = `${h264.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}+${'x'.repeat(20)}`;
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=1', '-c:v', 'libx264', '-preset', 'ultrafast', '-bsf:v', `h264_metadata=sei_user_data=${sei}`, path]); // prettier-ignore
    const bytes = readFileSync(path);
    // The text cannot hold zeros, so the stamp is put where its place is; no byte of it needs prevention.
    const packed = Buffer.from(stamp('1f', time), 'hex');
    let placed = 0;
    for (let at = bytes.indexOf('MISPmicrosectime'); at >= 0; at = bytes.indexOf('MISPmicrosectime', at + 1)) {
      packed.copy(bytes, at + 16);
      placed++;
    }
    assert.ok(placed > 0);
    const reader = new KlvReader('mpegts');
    for (let at = 0; at < bytes.length; at += 5000) reader.push(bytes.subarray(at, at + 5000));
    reader.end();
    const { videoTimes } = reader.report;
    assert.is(videoTimes?.pictures, placed);
    assert.is(videoTimes?.first, 0x4ca14054fa654);
    assert.is(videoTimes?.unlocked, 0);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test.run();
