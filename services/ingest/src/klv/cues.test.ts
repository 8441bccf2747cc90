import HLS from 'hls-parser';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cuePlaylist, CueSegmenter, cueText } from './cues.js';
import { encodePacket } from './encode.js';
import { placesOf, type Places } from './geometry.js';
import { decodePacket, type KlvPacket } from './packet.js';
import { State } from './state.js';

const packet = (...items: Parameters<typeof encodePacket>[0][number][]): KlvPacket => decodePacket(encodePacket(items));

type Items = Parameters<typeof encodePacket>[0][number][];
const placesAt = (...items: Items): Places => placesOf(new State().update(packet(...items), 0));

test('a cue is one line of JSON that WebVTT takes as it is', () => {
  const told = packet([2, 1n], [3, 'a --> b <i>&amp;\n'], [13, 46.5], [14, 7.5]);
  const text = cueText(new State().update(told, 0), placesOf(new State().update(told, 0)));
  assert.not.match(text, /-->|[<>&\n]/);
  const { source, data } = JSON.parse(text) as {
    source: string;
    data: { tagId: number; value: { tagId: number; name: string; value: unknown; units?: string }[] }[];
  };
  assert.is(source, 'EsriVideoServer');
  assert.is(data[0]?.tagId, 10_000);
  const value = (tagId: number): unknown => data[0]?.value.find((entry) => entry.tagId === tagId)?.value;
  assert.is(value(10_003), 'a --> b <i>&amp;\n');
  assert.ok(Math.abs((value(10_013) as number) - 46.5) < 1e-6);
  const { name, units } = data[0]?.value.find((entry) => entry.tagId === 10_013) ?? {};
  assert.equal([name, units], ['SensorLatitude', 'deg']);
  assert.equal(Object.keys((value(90_061) as { geometry: object }).geometry), ['x', 'y', 'spatialReference']);
});

test('security is a set of its own, in numbers and in words', () => {
  const told = new State().update(packet([13, 46.5], [48, [{ tag: 1, value: 5 }]]), 0);
  const { data } = JSON.parse(cueText(told, placesOf(told))) as { data: object[] };
  assert.equal(data[1], {
    tagId: 20_000,
    name: 'SecurityLocalMetadataSet',
    value: [{ tagId: 20_001, name: 'SecurityClassification', value: 5, meaning: 'Top Secret' }],
  });
});

test('values that are sent only when they change hold until they are replaced, taken back, or too old', () => {
  const state = new State();
  const tags = (time: number, ...items: Parameters<typeof encodePacket>[0][number][]): unknown[] =>
    state.update(packet(...items), time).entries.map(({ tag }) => tag);
  assert.equal(tags(0, [3, 'M'], [5, 90]), [3, 5]);
  assert.equal(tags(1, [5, 91]), [3, 5]);
  assert.equal(tags(2, [5, Buffer.alloc(0)]), [3]);
  assert.equal(tags(29, [6, 1]), [3, 6]);
  assert.equal(tags(31, [7, 1]), [6, 7]);
  assert.equal(tags(32, [6, Buffer.from('8000', 'hex')]), [7]);
  // A length of zero takes texts and sets back as well (ST 0107).
  assert.equal(tags(33, [10, 'UAV'], [48, [{ tag: 1, value: 4 }]]), [7, 10, 48]);
  assert.is(state.security.length, 1);
  assert.equal(tags(34, [10, ''], [48, []]), [7]);
  assert.is(state.security.length, 0);
});

test('cues are spread over the segments of the picture, across the borders in both', async () => {
  const ranges = [
    { start: 0, duration: 4 },
    { start: 4, duration: 4 },
    { start: 8, duration: 1.5 },
  ];
  const files: string[] = [];
  const segmenter = new CueSegmenter(ranges, (index, text) => {
    files[index] = text;
    return Promise.resolve();
  });
  for (const [start, end, text] of [
    [0, 1, 'a'],
    [3, 5, 'b'],
    [5, 6, 'c'],
    [7.9999, 9, 'd'],
    [9.6, 10, 'late'],
  ] as const)
    await segmenter.add({ start, end, text });
  await segmenter.end();
  const texts = files.map((file) => file.split('\n').filter((line) => /^[a-z]+$/.test(line)));
  assert.equal(texts, [['a', 'b'], ['b', 'c', 'd'], ['d']]);
  assert.match(files[0] ?? '', 'WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n');
  assert.match(files[0] ?? '', '00:00:03.000 --> 00:00:05.000');
  HLS.setOptions({ strictMode: true });
  const playlist = HLS.parse(cuePlaylist(ranges, (index) => `${index}.vtt`)) as HLS.types.MediaPlaylist;
  assert.equal(
    playlist.segments.map((segment) => [segment.uri, segment.duration]),
    [
      ['0.vtt', 4],
      ['1.vtt', 4],
      ['2.vtt', 1.5],
    ],
  );
});

test('corners: the full ones before the offsets, and none when one is missing', () => {
  const offsets = [26, 27, 28, 29, 30, 31, 32, 33].map((tag) => [tag, 0.01] as [number, number]);
  const full = [82, 83, 84, 85, 86, 87, 88, 89].map((tag) => [tag, 5] as [number, number]);
  const center: [number, number][] = [
    [23, 46],
    [24, 7],
  ];
  assert.ok(Math.abs((placesAt(...center, ...offsets).corners?.[0]?.[1] ?? 0) - 46.01) < 1e-5);
  assert.ok(Math.abs((placesAt(...center, ...offsets, ...full).corners?.[0]?.[1] ?? 0) - 5) < 1e-6);
  assert.is(placesAt(...center, ...offsets.slice(1)).corners, null);
  assert.is(placesAt(...offsets).corners, null);
  // Over the antimeridian.
  const far = placesAt([23, -17], [24, 179.995], ...offsets).corners?.[0]?.[0] ?? 0;
  assert.ok(Math.abs(far + 179.995) < 1e-5, `${far}`);
});

test.run();
