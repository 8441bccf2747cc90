// What the last bytes of a packet are worth, as senders write them and as transmission leaves them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runningSum } from './checksum.js';
import { encodePacket } from './encode.js';
import { labelBytes } from './label.js';
import { decodePacket } from './packet.js';

const stamp = 1_700_000_000_000_000;
const whole = encodePacket([[2, stamp], [5, 90], [13, 46.5], [14, 7.5]]); // prettier-ignore
const label = whole.subarray(0, labelBytes);
/** Without the checksum. */
const items = whole.subarray(labelBytes + 1, -4);

const packet = (...parts: Buffer[]): Buffer => {
  const value = Buffer.concat(parts);
  return Buffer.concat([label, Buffer.from([value.length]), value]);
};
const sumOf = (bytes: Buffer): Buffer => {
  const sum = Buffer.alloc(2);
  sum.writeUInt16BE(runningSum(bytes, 0, bytes.length));
  return sum;
};
const head = Buffer.from([1, 2]);
const flip = (bytes: Buffer, at: number): Buffer => {
  const flipped = Buffer.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  return flipped;
};
const withSum = (body: Buffer): Buffer => {
  const bytes = packet(body, head, Buffer.alloc(2));
  return Buffer.concat([bytes.subarray(0, -2), sumOf(bytes.subarray(0, -2))]);
};
/** A tag of ten bytes of seven bits, and a value of one. */
const endlessTag = Buffer.concat([Buffer.alloc(9, 0x81), Buffer.from([0x01, 1, 0])]);

for (const [name, bytes, checksum, damaged] of [
  ['as the standard has it', whole, 'ok', false],
  ['over the value alone', packet(items, head, sumOf(Buffer.concat([items, head]))), 'valueOnly', false],
  ['over the value without the item itself', packet(items, head, sumOf(items)), 'valueOnly', false],
  ['over the value alone, and damaged', flip(packet(items, head, sumOf(items)), 30), 'bad', true],
  ['none', packet(items), 'missing', false],
  [
    'item 1 of four bytes, in the middle',
    packet(items.subarray(0, 10), Buffer.from([1, 4, 9, 8, 7, 6]), items.subarray(10)),
    'missing',
    false,
  ],
  [
    'item 1 of two bytes, in the middle',
    packet(items.subarray(0, 10), Buffer.from([1, 2, 9, 8]), items.subarray(10)),
    'missing',
    false,
  ],
  ['item 1 of four bytes, at the end', packet(items, Buffer.from([1, 4, 9, 8, 7, 6])), 'missing', false],
  ['a bit of a value is wrong', flip(whole, 30), 'bad', true],
  [
    'a tag has become 1, and the checksum tells',
    flip(packet(items.subarray(0, 10), Buffer.from([0, 1, 7]), head, Buffer.alloc(2)), 27),
    'bad',
    true,
  ],
  ['a tag of 70 bits before it: it is there, and right', withSum(Buffer.concat([items, endlessTag])), 'ok', false],
  ['a tag of 70 bits before it, and damage', flip(withSum(Buffer.concat([items, endlessTag])), 30), 'bad', true],
] as const)
  // prettier-ignore
  test(`a checksum: ${name}`, () => {
    const found = decodePacket(bytes);
    assert.equal([found.checksum, found.damaged], [checksum, damaged]);
  });

test.run();
