import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePacket } from './encode.js';
import { Item } from './item.js';
import { decodePacket } from './packet.js';
import { mappingsOf, readImapb, writeImapb } from './st1201.js';
import { itemDefinition, itemDefinitions } from './st0601-table.js';
import { writeValue, type Writable } from './write.js';

function itemOf(tag: number, bytes: Buffer): Item {
  const definition = itemDefinition(tag);
  const item = new Item(tag, definition, bytes, 0, bytes.length);
  definition?.read(item, bytes, 0, bytes.length, 0);
  return item;
}

function encodeValue(tag: number, value: Writable): Buffer {
  const definition = itemDefinition(tag);
  if (!definition) throw new Error(`no item ${tag}`);
  return writeValue(definition.coding, value);
}

const decodeImapb = (bytes: Buffer, low: number, high: number): number | null =>
  readImapb(bytes, 0, bytes.length, mappingsOf(low, high));

/** Examples of the text of ST 0601.8: tag, bytes, value to seven digits. */
// prettier-ignore
const vectors: readonly (readonly [number, string, number])[] = [
  [2, '000459f4a6aa4aa8', 1224807209913000],
  [5, '71c2', 159.9744],
  [6, 'fd3d', -0.4315317],
  [7, '08b8', 3.405866],
  [8, '93', 147],
  [9, '9f', 159],
  [13, '5595b66d', 60.17682],
  [14, '5b5360c4', 128.4268],
  [15, 'c221', 14190.72],
  [16, 'cd9c', 144.5713],
  [17, 'd917', 152.6436],
  [18, '724a0a20', 160.7192],
  [19, '87f84b86', -168.7923],
  [20, '7dc55ece', 176.8654],
  [21, '03830926', 68590.98],
  [22, '1281', 722.8199],
  [23, 'f101a229', -10.54239],
  [24, '14bc082b', 29.15789],
  [25, '34f3', 3216.037],
  [26, 'c06e', -0.03724937],
  [27, 'cbe9', -0.03052232],
  [28, 'd765', -0.02379299],
  [29, 'e2e0', -0.01706595],
  [30, 'ee5b', -0.01033891],
  [31, 'f9d6', -0.003611866],
  [32, '0552', 0.003117466],
  [33, '10cd', 0.009844508],
  [35, 'a7c4', 235.924],
  [36, 'b2', 69.80392],
  [37, 'beba', 3725.185],
  [38, 'ca35', 14818.68],
  [39, '54', 84],
  [40, '8f695262', -79.16385],
  [41, '765457f2', 166.4008],
  [42, 'f823', 18389.05],
  [43, '03', 6],
  [44, '0f', 30],
  [45, '1a95', 425.2152],
  [46, '2611', 608.9231],
  [49, '3d07', 1191.958],
  [50, 'c883', -8.670309],
  [51, 'd3fe', -61.88787],
  [52, 'df79', -5.082553],
  [53, '6af4', 2088.96],
  [54, '7670', 8306.806],
  [55, '81', 50.58824],
  [56, '8c', 140],
  [57, 'b38eacf1', 3506979],
  [58, 'a45d', 6420.539],
  [64, 'ddc5', 311.8682],
  [67, '85a15a39', -86.04121],
  [68, '001c501c', 0.1555276],
  [69, '0bb3', 9.445335],
  [71, '172f', 32.60243],
  [72, '0002d5cf4ddc9a35', 798036294670901],
  [75, 'c221', 14190.72],
  [76, '0bb3', 9.445335],
  [78, '0bb3', 9.445335],
];

const valueOf = (tag: number, hex: string): unknown => itemOf(tag, Buffer.from(hex, 'hex')).value;

test('the examples of the standard', () => {
  for (const [tag, hex, expected] of vectors) {
    const value = valueOf(tag, hex);
    assert.type(value, 'number');
    assert.ok(
      Math.abs((value as number) - expected) <= Math.abs(expected) * 5e-7 + 1e-9,
      `item ${tag}: ${String(value)}, not ${expected}`,
    );
    assert.is(
      encodeValue(tag, tag === 2 || tag === 72 ? BigInt(value as number) : (value as number)).toString('hex'),
      hex,
      `item ${tag} back`,
    );
  }
});

test('the table holds items 1 to 143, each once', () => {
  assert.equal(
    itemDefinitions.map((item) => item.tag),
    Array.from({ length: 143 }, (_, index) => index + 1),
  );
});

test('every number goes there and back within half a step', () => {
  for (const { tag, coding } of itemDefinitions) {
    const range =
      coding.kind === 'linear' || coding.kind === 'imapb'
        ? [coding.low, coding.high]
        : coding.kind === 'symmetric'
          ? [-coding.limit, coding.limit]
          : null;
    if (!range) continue;
    const [low = 0, high = 0] = range;
    for (const share of [0, 0.1, 0.5, 0.77, 1]) {
      const value = low + (high - low) * share;
      const bytes = encodeValue(tag, value);
      const back = itemOf(tag, bytes).value;
      const step = (high - low) / (2 ** (bytes.length * 8 - 2) - 1);
      assert.ok(
        typeof back === 'number' && Math.abs(back - value) <= step,
        `item ${tag}: ${value} came back as ${JSON.stringify(back)}`,
      );
    }
  }
});

test('reserved values, lengths of zero and odd lengths are told apart', () => {
  const decoded = (tag: number, hex: string): unknown => {
    const { value, note } = itemOf(tag, Buffer.from(hex, 'hex'));
    return { value, ...(note ? { note } : {}) };
  };
  assert.equal(decoded(6, '8000'), { value: null, note: 'no value' });
  assert.equal(decoded(13, '80000000'), { value: null, note: 'no value' });
  assert.equal(decoded(13, ''), { value: null, note: 'no longer known' });
  assert.equal(decoded(22, '000001c9'), { value: (0x1c9 * 10_000) / 65_535, note: 'unusual length' });
  assert.equal(decoded(103, 'c80000'), { value: null, note: 'no value' });
  assert.equal(decoded(3, '554156000000'), { value: 'UAV' });
  assert.equal(decoded(3, '4de4726be4'), { value: 'Märkä', note: 'not UTF-8' });
  assert.equal(decoded(2, 'ffffffffffffffff'), { value: '18446744073709551615' });
  assert.equal(decoded(136, 'ff'), { value: -1 });
});

test('IMAPB at every length, with its special values', () => {
  assert.is(decodeImapb(Buffer.from('00d92a', 'hex'), 0, 1_500_000), 13_898.5);
  for (let length = 1; length <= 8; length++) {
    for (const value of [-900, 0, 1234.5, 40_000]) {
      const back = decodeImapb(writeImapb(value, -900, 40_000, length), -900, 40_000);
      assert.ok(
        back !== null && Math.abs(back - value) <= 65_536 / 2 ** (8 * length - 1),
        `${value} in ${length} bytes: ${String(back)}`,
      );
    }
  }
  for (const special of ['c8', 'e8', 'd0', 'f0', 'e0', 'e1', 'ff'])
    assert.is(decodeImapb(Buffer.from(`${special}0000`, 'hex'), 0, 100), null);
  assert.is(decodeImapb(writeImapb(101, 0, 100, 2), 0, 100), null);
});

test('a packet is read as it was written, and a flipped bit is seen', () => {
  const bytes = encodePacket([
    [2, 1_700_000_000_000_000n],
    [3, 'Märkä'],
    [5, 90],
    [13, 46.5],
    [104, 1234.5],
    [65, 19],
  ]);
  const packet = decodePacket(bytes);
  assert.is(packet.kind, 'ST0601 UAS LS');
  assert.is(packet.checksum, 'ok');
  assert.is(packet.bytes, bytes.length);
  assert.is(packet.timestamp, 1_700_000_000_000_000);
  assert.is(packet.utc, '2023-11-14T22:13:20Z');
  assert.equal(
    packet.items.map((item) => item.tag),
    [2, 3, 5, 13, 104, 65, 1],
  );
  for (let at = 17; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    assert.is.not(decodePacket(flipped).checksum, 'ok', `byte ${at}`);
  }
});

test('vendor tags in one byte are believed only with a right checksum', () => {
  const vendor = encodePacket([
    [2, 1n],
    [3, Buffer.from('x')],
  ]);
  // Item 0x85 in one byte, where BER-OID would read on.
  const body = Buffer.concat([vendor.subarray(17, -4), Buffer.from([0x85, 1, 7, 1, 2, 0, 0])]);
  const whole = Buffer.concat([vendor.subarray(0, 16), Buffer.from([body.length]), body]);
  let sum = 0;
  for (let at = 0; at < whole.length - 2; at++) sum += (whole[at] ?? 0) << (at % 2 === 0 ? 8 : 0);
  whole.writeUInt16BE(sum & 0xffff, whole.length - 2);
  const packet = decodePacket(whole);
  assert.is(packet.checksum, 'ok');
  assert.ok(packet.items.some((item) => item.tag === 0x85 && item.hex === '07'));
});

test('whatever the bytes, nothing is thrown', () => {
  let seed = 42;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % below;
  };
  const good = encodePacket([
    [2, 1_700_000_000_000_000n],
    [3, 'Mission'],
    [13, 46.5],
    [14, 7.8],
    [48, Buffer.from('010101', 'hex')],
    [96, 10],
  ]);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(good.subarray(0, 17 + random(good.length - 16)));
    for (let flips = random(6); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
    decodePacket(bytes);
  }
});

test.run();
