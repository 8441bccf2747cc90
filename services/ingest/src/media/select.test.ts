import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseProbe, type Probed } from './probe.js';
import { needsCount, selectStreams } from './select.js';

interface Given {
  type?: string;
  size?: [number, number];
  frames?: number;
  duration?: number;
  disposition?: Record<string, number>;
}

/** As ffprobe tells it. */
function probed(streams: Given[], programs: [number, number[]][] = []): Probed {
  const found = parseProbe(
    JSON.stringify({
      streams: streams.map(({ type = 'video', size = [160, 120], frames, duration, disposition = {} }, index) => ({
        index,
        codec_type: type,
        codec_name: type === 'video' ? 'h264' : 'aac',
        ...(type === 'video' ? { width: size[0], height: size[1] } : { channels: 2, sample_rate: '48000' }),
        ...(frames === undefined ? {} : { nb_frames: String(frames) }),
        ...(duration === undefined ? {} : { duration: String(duration) }),
        disposition,
      })),
      programs: programs.map(([number, indexes]) => ({
        program_num: number,
        streams: indexes.map((index) => ({ index })),
      })),
      format: {},
    }),
  );
  if (!found) throw new Error('The test wrote no JSON.');
  return found;
}

const small: Given = { frames: 100, duration: 4 };
const large: [number, number] = [640, 360];
const choices: [name: string, streams: Given[], video: number][] = [
  ['the largest', [small, { ...small, size: large }], 1],
  ['not a cover', [{ ...small, size: large, disposition: { attached_pic: 1 } }, small], 1],
  ['not a thumbnail', [{ ...small, size: large, disposition: { timed_thumbnails: 1 } }, small], 1],
  ['not one picture that is not marked', [small, { size: large, frames: 1, duration: 0.04 }], 0],
  ['not a track of two top shots as long as the video', [small, { size: large, frames: 2, duration: 4 }], 0],
  ['not a handful of stills', [small, { size: large, frames: 4, duration: 4 }], 0],
  [
    'a slow one that is large',
    [
      { frames: 300, duration: 10 },
      { size: large, frames: 20, duration: 10 },
    ],
    1,
  ],
  ['not the beginning alone', [small, { size: large, frames: 30, duration: 1 }], 0],
  ['of equals the default', [small, { ...small, disposition: { default: 1 } }], 1],
  ['of equals the first', [small, small], 0],
  ['one picture where there is nothing else', [{ frames: 1, duration: 0.04 }, { type: 'audio' }], 0],
  ['one that can be read', [{ ...small, size: [0, 0] }, small], 1],
];
for (const [name, streams, video] of choices) {
  test(`the video: ${name}`, () => {
    const selection = selectStreams(probed(streams));
    assert.is(selection.video.index, video);
    assert.is(selection.leftOut.length, streams.filter(({ type, disposition }) => type === undefined && !disposition?.['attached_pic'] && !disposition?.['timed_thumbnails']).length > 1 ? 1 : 0); // prettier-ignore
  });
}

test('audio and telemetry are those of the program of the video', () => {
  const streams: Given[] = [{}, { type: 'audio' }, { size: large }, { type: 'audio' }, { type: 'data' }];
  const programs: [number, number[]][] = [[1, [0, 1]], [2, [2, 3, 4]]]; // prettier-ignore
  const { video, audio, program, leftOut } = selectStreams(probed(streams, programs));
  assert.equal([video.index, audio.map(({ index }) => index), program], [2, [3], 2]);
  assert.match(leftOut.join(' '), /2 videos: stream 2 .*left out\. 1 of 2 audio tracks belong to other programs/);
});

test('a program without audio takes what is in no program with a video, and nothing of another flight', () => {
  const streams: Given[] = [{ size: large }, {}, { type: 'audio' }, { type: 'audio' }];
  assert.equal(selectStreams(probed(streams, [[1, [0]], [2, [1, 2]]])).audio.map(({ index }) => index), [3]); // prettier-ignore
  assert.equal(selectStreams(probed(streams, [[1, [0]], [2, [1, 2]], [3, [3]]])).audio.map(({ index }) => index), [3]); // prettier-ignore
  assert.equal(selectStreams(probed(streams, [[1, [0]], [2, [1, 2, 3]]])).audio, []); // prettier-ignore
});

test('one program needs no choice of telemetry, and files without programs take all audio', () => {
  assert.is(selectStreams(probed([{}, { type: 'audio' }], [[1, [0, 1]]])).program, null); // prettier-ignore
  assert.is(selectStreams(probed([{}, { type: 'audio' }, { type: 'audio' }])).audio.length, 2);
});

test('frames are counted only where the choice needs it and the container does not tell', () => {
  assert.not(needsCount(probed([{}, { type: 'audio' }])));
  assert.not(needsCount(probed([small, small])));
  assert.ok(needsCount(probed([small, { size: large }])));
});

test('without a video it is told what there is', () => {
  assert.throws(() => selectStreams(probed([{ type: 'audio' }, { disposition: { attached_pic: 1 } }])), /found: audio, cover picture/); // prettier-ignore
  assert.throws(() => selectStreams(probed([])), /found: nothing/);
});

test.run();
