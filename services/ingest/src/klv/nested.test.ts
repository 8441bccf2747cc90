// Sets and packs inside of ST 0601: bytes and what independent readers make of them, there and back.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodePacket } from './packet.js';
import { encodePacket } from './encode.js';
import { Item } from './item.js';
import { kinds } from './labels.js';
import { itemDefinition } from './st0601-table.js';
import { writeValue, type Writable } from './write.js';

function itemOf(tag: number, hex: string): Item {
  const bytes = Buffer.from(hex, 'hex');
  const item = new Item(tag, itemDefinition(tag), bytes, 0, bytes.length);
  item.definition?.read(item, bytes, 0, bytes.length, 0);
  return item;
}

/** Sets as their values by tag; series and packs as they are. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value as unknown[];
    return items.length > 0 && items.every((one) => one instanceof Item)
      ? Object.fromEntries(items.map((item) => [item.tag, plain(item.value)]))
      : items.map(plain);
  }
  if (typeof value !== 'object' || value === null || value instanceof Item) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

const place = (latitude: number, longitude: number, height: number): object => ({ latitude, longitude, height });
const uuid = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6';

const length = (bytes: number): string =>
  bytes < 128 ? Buffer.from([bytes]).toString('hex') : `82${bytes.toString(16).padStart(4, '0')}`;
const sized = (hex: string): string => `${length(hex.length / 2)}${hex}`;
/** Tags of 128 and more take two bytes (BER-OID). */
const tlv = (...items: readonly (readonly [tag: number, hex: string])[]): string =>
  items
    .map(([tag, hex]) => `${Buffer.from(tag < 128 ? [tag] : [0x81, tag & 127]).toString('hex')}${sized(hex)}`)
    .join('');
const location = (latitude: number, longitude: number, height: number): object => ({
  ...place(latitude, longitude, height), sigmaEast: null, sigmaNorth: null, sigmaUp: null, rhoEastNorth: null, rhoEastUp: null, rhoNorthUp: null,
}); // prettier-ignore
const motion = (east: number, north: number, up: number): object => ({
  east, north, up, sigmaEast: null, sigmaNorth: null, sigmaUp: null, rhoEastNorth: null, rhoEastUp: null, rhoNorthUp: null,
}); // prettier-ignore

// prettier-ignore
const cases: readonly (readonly [name: string, tag: number, hex: string, value: unknown])[] = [
  ['image horizon', 81, '00243800', { x0: 0, y0: 36, x1: 56, y1: 0, latitude0: null, longitude0: null, latitude1: null, longitude1: null }],
  ['core identifier', 94, `0170${'11'.repeat(16)}${'22'.repeat(16)}`, {
    version: 1, sensor: { type: 'Physical', id: '11111111-1111-1111-1111-111111111111' },
    platform: { type: 'Virtual', id: '22222222-2222-2222-2222-222222222222' }, window: null, minor: null,
  }],
  ['uncertainty, sparse', 102, '03b304803f8000004000000000000000200000', { members: 3, sigma: [1, 2, 0], rho: [-0.5, 0, 0], sigmaBytes: 4, rhoBytes: 3, sparse: true }],
  ['control command', 115, '0511466c7920746f20576179706f696e7420310000000000000000', { id: 5, command: 'Fly to Waypoint 1', time: 0 }],
  ['verified commands', 116, '0307', [3, 7]],
  ['countries', 122, '010e0343414e0003465241', { codingMethod: { value: 14, meaning: 'GENC Three Letter' }, overflight: 'CAN', operator: null, manufacture: 'FRA' }],
  ['frame rate', 127, '83d4608769', { numerator: 60000, denominator: 1001 }],
  ['wavelengths', 128, '0d15000007d000000fa04e4e4952', [{ id: 21, least: 1000, most: 2000, name: 'NNIR' }]],
  ['airbases', 130, '0b406bc20919bda554070e000b40783cb819a2927407c600', {
    takeOff: place(38.841858983039856, -77.0367841720581, 3), recovery: place(38.93935298919678, -77.45981121063232, 95),
  }],
  ['payloads', 138, '011200000f564953204e6f73652043616d657261', { count: 1, payloads: [{ id: 0, type: { value: 0, meaning: 'Electro Optical MI Sensor' }, name: 'VIS Nose Camera' }] }],
  ['active payloads', 139, '0b', [0, 1, 3]],
  ['stores', 140, '0f010102029e040848656c6c66697265', [{ station: 1, hardpoint: 1, carriage: 2, store: 2, type: 'Hellfire',
    status: { value: 3844, meaning: 'Launch', engagement: ['Fuze Enabled', 'Laser Enabled', 'Target Enabled', 'Weapon Armed'] } }]],
  ['waypoints', 141, '0f03fffe004071e5af19bf5aa7096000', [{ id: 3, order: -2, info: 0, place: place(38.889821887016296, -77.01009202003479, 300) }]],
  ['view domain', 142, '063480004b0000061a40000c8000', { azimuth: { start: 210, range: 300, bytes: 3 }, elevation: { start: -75, range: 50, bytes: 3 }, roll: null }],
  ['security', 48, tlv([1, '01'], [3, '2f2f5553'], [13, '00550053'], [22, '000c']), { 1: 1, 3: '//US', 13: 'US', 22: 12 }],
  ['security with its own label', 48, `060e2b34020301010e0103030200000005${tlv([1, '04'])}1600`, { 1: 4, 22: null }],
  ['remote video terminal', 73, tlv([12, tlv([1, '0002'], [2, '00000000'], [3, 'ab00ab00'], [4, '1234'], [5, '03'])]), { 12: { 1: 2, 2: 0, 3: -119.527580793727, 4: 515.030136568246, 5: 3 } }],
  ['user data', 73, tlv([11, tlv([1, '01'], [2, '54455354'])]), { 11: { 1: { type: { value: 0, meaning: 'String' }, id: 1 }, 2: '54455354' } }],
  ['moving targets', 74, tlv([4, '05'], [8, '0780'], [9, '0438'], [11, '0640'], [101, sized(`8952${tlv([3, '064000'], [10, '3a6667'], [12, '2a94'], [21, '0203'], [102, tlv([1, '555249'], [4, '200000'])])}`)]), {
    4: 5, 8: 1920, 9: 1080, 11: 12.5, 101: [{ id: 1234, items: { 3: 409600, 10: 10, 12: 10000, 21: { row: 2, column: 3 }, 102: { 1: 'URI', 4: 32 } } }],
  }],
  ['a target’s mask', 74, tlv([101, sized(`01${tlv([101, tlv([1, '0239aa0239bf023b0b'], [2, '03014a02'])])}`)]), { 101: [{ id: 1, items: { 101: { 1: [14762, 14783, 15115], 2: [{ pixel: 74, run: 2 }] } } }] }],
  ['a target’s track', 74, tlv([101, sized(`01${tlv([104, tlv([1, uuid.replaceAll('-', '')], [2, '02'], [10, '123423453855'], [9, sized('510000003f4000000708')])])}`)]), {
    101: [{ id: 1, items: { 104: { 1: uuid, 2: 2, 10: motion(-608.75, -335.6875, 1.3125), 9: [location(72, 73, 900)] } } }],
  }],
  ['algorithms and ontologies', 74, tlv([102, sized(tlv([1, '09'], [2, '6b36']))], [103, sized(tlv([1, '11'], [3, '555249']))]), { 102: [{ items: { 1: 9, 2: 'k6' } }], 103: [{ items: { 1: 17, 3: 'URI' } }] }],
  ['synthetic aperture radar', 95, tlv([1, '4000'], [2, '2000'], [3, '01'], [5, '40000000'], [17, '0080'], [20, '00808000']), { 1: 64, 2: -26, 3: 1, 5: 524288, 17: 0.5, 20: 4311744512 }],
  ['range image', 97, tlv([12, '48'], [13, '43800000'], [20, '0102010119020401030200000000437f00003200003480002f800032000000043f8000000440000000']), {
    12: { compression: { value: 0, meaning: 'None' }, type: { value: 1, meaning: 'Depth Range Image' }, source: { value: 1, meaning: 'Range Sensor' } }, 13: 256,
    20: { sectionX: 2, sectionY: 1, measurements: { sizes: [4, 1], elementBytes: 3, algorithm: 2, low: 0, high: 255, elements: [100, 105, 95, 100], rest: '' }, uncertainty: null, planeX: 1, planeY: 2, planeConstant: null },
  }],
  ['composite', 99, tlv([15, 'c0'], [16, '80'], [17, '00'], [18, '80']), { 15: -64, 16: -128, 17: 0, 18: 128 }],
  ['a segment in which a registration is', 100, tlv([143, '07'], [98, tlv([2, '414c474f'], [5, '02010204014203efc84203efca'])]), {
    143: { localId: 7, universalId: null }, 98: { 2: 'ALGO', 5: { sizes: [1, 2], elementBytes: 4, algorithm: 1, low: null, high: null, elements: [32.984161376953125, 32.984169006347656], rest: '' } },
  }],
];

for (const [name, tag, hex, value] of cases) {
  test(name, () => {
    const item = itemOf(tag, hex);
    assert.equal(plain(item.value), value);
    assert.is(item.note, undefined);
  });
  test(`${name}, there and back`, () => {
    const definition = itemDefinition(tag);
    const item = itemOf(tag, hex);
    assert.ok(definition);
    if (!definition) return;
    const written = writeValue(definition.coding, item.value as Writable);
    assert.equal(plain(itemOf(tag, written.toString('hex')).value), value);
  });
}

test('a track report: its items are numbered sets, with numbers of their own', () => {
  const packet = decodePacket(
    encodePacket(
      [
        [2, 1_600_000_000_000_000n],
        [3, uuid],
        [4, 1],
        [10, 'tracker'],
        [11, 6],
        [12, 'EO Nose'],
        [13, 2],
        [101, [{ id: 7, items: [{ tag: 2, value: 409600 }, { tag: 13, value: location(10, 20, 30) }, { tag: 22, value: 12.5 }, { tag: 102, value: [{ tag: 1, value: 'car' }] }] }]],
        [103, [{ items: [{ tag: 1, value: 5 }] }]],
      ],
      kinds.track,
    ),
  ); // prettier-ignore
  assert.is(packet.checksum, 'ok');
  assert.is(packet.timestamp, 1_600_000_000_000_000);
  assert.equal(plain(packet.items.filter(({ tag = 0 }) => tag > 2)), {
    3: uuid, 4: 1, 10: 'tracker', 11: 6, 12: 'EO Nose', 13: 2,
    101: [{ id: 7, items: { 2: 409600, 13: location(10, 20, 30), 22: 12.5, 102: { 1: 'car' } } }],
    103: [{ items: { 1: 5 } }],
  }); // prettier-ignore
});

test('up to ST 0903.3 numbers are integers over the whole range, there and back', () => {
  // The examples of ST 0903.3 sections 7.10.11, 7.10.12, 7.11.13 and 7.11.17; a location's parts in the same way.
  const target = tlv([11, '42aaaa'], [10, '800000'], [12, '8c38'], [17, '80000000c00000008c38']);
  const bytes = tlv([4, '03'], [11, '11c7'], [12, '0e39'], [101, sized(`01${target}`)]);
  const rounded = (value: unknown): unknown => JSON.parse(JSON.stringify(plain(value)), (_, one: unknown) => (typeof one === 'number' ? Math.round(one * 100) / 100 : one)) as unknown; // prettier-ignore
  const item = itemOf(74, bytes);
  assert.equal(rounded(item.value), {
    4: 3, 11: 12.5, 12: 10, 101: [{ id: 1, items: { 10: null, 11: 10, 12: 9999.98, 17: location(0, 90, 9999.98) } }],
  }); // prettier-ignore
  const definition = itemDefinition(74);
  assert.is(definition && writeValue(definition.coding, item.value as Writable).toString('hex'), bytes);
  // The same bytes by a newer version are other numbers.
  assert.equal(rounded(itemOf(74, tlv([4, '04'], [11, '0640'])).value), { 4: 4, 11: 12.5 });
});

test('sets in sets end at a depth, and the packet stands', () => {
  let inner = Buffer.from('0305416c706861', 'hex');
  for (let depth = 0; depth < 30; depth++)
    inner = Buffer.from(`64${length(inner.length)}${inner.toString('hex')}`, 'hex');
  const packet = decodePacket(encodePacket([[2, 1n], [100, inner], [3, 'after']])); // prettier-ignore
  assert.is(packet.checksum, 'ok');
  assert.is(packet.item(3)?.value, 'after');
  let deepest = 0;
  for (let item = packet.item(100); item; deepest++) item = (item.value as readonly Item[] | undefined)?.[0];
  assert.ok(deepest > 3 && deepest < 12, `${deepest} sets`);
});

test('a bad pack or set costs itself alone', () => {
  for (const [tag, hex] of [
    [128, '0d15000007'],
    [138, '05ff'],
    [94, '0170'],
    [102, 'ff'],
    [81, '0024380001'],
    [74, '65ff'],
    [98, '0402ff'],
  ] as const) {
    // prettier-ignore
    const packet = decodePacket(encodePacket([[2, 1n], [tag, Buffer.from(hex, 'hex')], [5, 90]])); // prettier-ignore
    assert.is(packet.item(tag)?.note, 'unreadable', `item ${tag}`);
    assert.ok(Math.abs((packet.item(5)?.value as number) - 90) < 0.01);
  }
});

test('sets that stand alone: moving targets with their sum, a terminal with its CRC', () => {
  const targets = encodePacket([[2, 5n], [3, 'System'], [101, [{ id: 7, items: [{ tag: 5, value: 80 }] }]]], kinds.vmti); // prettier-ignore
  const packet = decodePacket(targets);
  assert.is(packet.kind, 'ST0903 VMTI LS');
  assert.is(packet.checksum, 'ok');
  assert.is(packet.timestamp, 5);
  assert.equal(plain(packet.item(101)?.value), [{ id: 7, items: { 5: 80 } }]);
  const terminal = encodePacket([[2, 6n], [10, 'MPEG2']], kinds.rvt); // prettier-ignore
  assert.is(decodePacket(terminal).checksum, 'ok');
  terminal[20] = (terminal[20] ?? 0) ^ 1;
  assert.is(decodePacket(terminal).checksum, 'bad');
});

test('what a sender of an old version calls by a new number is its own', () => {
  const old = decodePacket(encodePacket([[2, 1n], [117, Buffer.from('4000', 'hex')], [65, 4]])); // prettier-ignore
  assert.is(old.item(117)?.note, 'not of the stated version');
  assert.is(old.item(117)?.value, undefined);
  assert.type(decodePacket(encodePacket([[2, 1n], [117, 5], [65, 17]])).item(117)?.value, 'number'); // prettier-ignore
});

test.run();
