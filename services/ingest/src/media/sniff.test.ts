import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SortieError } from '@sortie/common/errors';
import { sniff } from './sniff.js';
import { checkName, checkSignature } from './upload.js';

const bytes = (hex: string, size = 64): Buffer => Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(size)]);
const packets = (size: number, count: number, offset = 0, lead = 0, control = 0x10): Buffer => {
  const stream = Buffer.alloc(lead + size * count, 0xff);
  for (let index = 0; index < count; index++) {
    const at = lead + offset + index * size;
    stream[at] = 0x47;
    stream[at + 3] = control;
  }
  return stream;
};

test('containers are told by their bytes', () => {
  const cases: [string, Buffer, string][] = [
    ['transport stream', packets(188, 10), 'mpegts'],
    ['after garbage', packets(188, 10, 0, 137), 'mpegts'],
    ['M2TS', packets(192, 10, 4), 'mpegts'],
    ['with parity', packets(204, 10), 'mpegts'],
    ['one packet', packets(188, 1), 'mpegts'],
    ['MP4', bytes('00000018667479706d703432'), 'mov'],
    ['QuickTime without ftyp', bytes('000000086d6f6f76'), 'mov'],
    ['Matroska', bytes('1a45dfa3'), 'matroska'],
    ['AVI', Buffer.from('RIFF\0\0\0\0AVI LIST'), 'avi'],
    ['FLV', bytes('464c5601'), 'flv'],
    ['IVF', Buffer.from('DKIF\0\0\0\0'), 'ivf'],
    ['Y4M', Buffer.from('YUV4MPEG2 W2 H2\n'), 'yuv4mpegpipe'],
    ['H.264', bytes('0000000167640028'), 'h264'],
    ['H.264, short start code', bytes('00000109f0'), 'h264'],
    ['HEVC', bytes('0000000140010c01'), 'hevc'],
    ['MPEG program stream', bytes('000001ba44'), 'mpeg'],
    ['MPEG-2 video', bytes('000001b3'), 'mpegvideo'],
    ['MXF', bytes('060e2b34020501010d0102010102'), 'mxf'],
    ['MXF behind a run-in', Buffer.concat([Buffer.alloc(5_000), bytes('060e2b34020501010d0102010102')]), 'mxf'],
    ['MPEG-2 video behind zeros', Buffer.concat([Buffer.alloc(40), bytes('000001b3')]), 'mpegvideo'],
    ['ASF', bytes('3026b2758e66cf11'), 'asf'],
  ];
  for (const [name, head, demuxer] of cases) {
    const found = sniff(head);
    assert.is(found.kind === 'video' ? found.container.demuxer : found.kind, demuxer, name);
  }
});

test('telemetry alone is told apart from MXF', () => {
  assert.is(sniff(bytes('060e2b34020b01010e01030101000000')).kind, 'klv');
  const cut = Buffer.concat([Buffer.alloc(777, 0x11), bytes('060e2b34020b01010e01030101000000')]);
  assert.is(sniff(cut).kind, 'klv', 'cut from the middle of a recording');
});

test('what only the owner of a key can show is told as encrypted', () => {
  assert.is(sniff(packets(188, 20, 0, 0, 0x90)).kind, 'encrypted', 'scrambled with the even key');
  assert.is(sniff(packets(188, 20, 0, 100, 0xd0)).kind, 'encrypted', 'scrambled with the odd key, after garbage');
  // The tables of a scrambled stream are clear, and one scrambled packet makes no scrambled stream.
  const clear = packets(188, 20);
  clear[3] = 0xd0;
  assert.is(sniff(clear).kind, 'video');
  // Content Encryption Object (Advanced Systems Format, 3.14).
  const asf = Buffer.concat([bytes('3026b2758e66cf11'), bytes('fbb3112223bdd211b4b700a0c955fc6e')]);
  assert.is(sniff(asf).kind, 'encrypted');
});

test('containers that are not taken are known by name', () => {
  const cases: [string, string][] = [['41560155', 'PVA'], ['2e524d46000000', 'RealMedia'], ['b7d800203749da11', 'WTV'], ['00000000 01bc'.replace(' ', ''), 'GXF']]; // prettier-ignore
  for (const [hex, name] of cases) {
    const found = sniff(bytes(hex));
    assert.match(found.kind === 'other' ? found.name : found.kind, name);
  }
});

test('what names other files is forbidden, whatever it is called', () => {
  for (const text of [
    '#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd',
    '\ufeff#EXTM3U\n',
    "ffconcat version 1.0\nfile '/etc/passwd'",
    'v=0\r\no=- 0 0 IN IP4 127.0.0.1',
    '<?xml version="1.0"?><MPD/>',
    'concat:/etc/passwd|/etc/group',
  ]) {
    assert.is(sniff(Buffer.from(text)).kind, 'forbidden', text.slice(0, 20));
  }
});

test('noise, text and nothing are unknown', () => {
  const noise = Buffer.alloc(4096);
  for (let index = 0; index < noise.length; index++) noise[index] = (index * 7919 + (index >> 3) * 31) & 0xff;
  assert.is(sniff(noise).kind, 'unknown');
  assert.is(sniff(Buffer.from('just some words '.repeat(40))).kind, 'unknown');
  assert.is(sniff(Buffer.alloc(0)).kind, 'unknown');
});

const refused = (act: () => unknown): boolean => {
  try {
    act();
    return false;
  } catch (error) {
    return error instanceof SortieError && (error.code === 'FILE_TYPE_REFUSED' || error.code === 'INVALID_ARGUMENT');
  }
};

test('names are only looked at for their extension', () => {
  assert.is(checkName('Flight 7.TS'), 'ts');
  assert.is(checkName('../../etc/passwd.mp4'), 'mp4');
  assert.is(checkName('DJI_0001.LRF'), 'lrf');
  assert.throws(() => checkName('flight'), /no extension/);
  assert.throws(() => checkName('FLY001.DAT'), /convert it to GPX/);
  assert.ok(refused(() => checkName('')));
  assert.ok(refused(() => checkName('run.exe')));
  assert.ok(refused(() => checkName('noextension')));
  assert.ok(refused(() => checkName(`${'a'.repeat(300)}.mp4`)));
});

test('programs, archives and documents are turned away by their first bytes', () => {
  for (const hex of ['7f454c46', '504b0304', '255044462d', '2321', '89504e470d0a1a0a', 'ffd8ffe0']) {
    assert.ok(
      refused(() => checkSignature(bytes(hex))),
      hex,
    );
  }
  assert.not(refused(() => checkSignature(packets(188, 10))));
});

test.run();
