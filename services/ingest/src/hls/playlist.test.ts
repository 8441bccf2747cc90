import HLS from 'hls-parser';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mediaPlaylist } from './media-playlist.js';
import { measure, multivariantPlaylist } from './multivariant.js';

HLS.setOptions({ strictMode: true });

test('a media playlist parses strictly and names what lies beside it', () => {
  const text = mediaPlaylist('video/sd/init.mp4', [
    { path: 'video/sd/00001.m4s', duration: 4.004 },
    { path: 'video/sd/00002.m4s', duration: 1.5 },
  ]);
  const playlist = HLS.parse(text) as HLS.types.MediaPlaylist;
  assert.is(playlist.targetDuration, 4);
  assert.ok(playlist.endlist);
  assert.equal(
    playlist.segments.map((segment) => [segment.uri, segment.duration, segment.map?.uri]),
    [
      ['00001.m4s', 4.004, 'init.mp4'],
      ['00002.m4s', 1.5, 'init.mp4'],
    ],
  );
});

test('the multivariant playlist parses strictly and carries what was measured', () => {
  const bandwidth = { peak: 1_000_000, average: 800_000 };
  const sound = {
    path: 'audio/0/index.m3u8',
    name: 'eng "1"',
    language: 'eng',
    channels: 2,
    codecs: 'mp4a.40.2',
    bandwidth: { peak: 160_000, average: 150_000 },
  };
  const text = multivariantPlaylist(
    [{ path: 'video/sd/index.m3u8', width: 720, height: 406, frameRate: 29.97, codecs: 'avc1.64001e', bandwidth }],
    [sound],
    { path: 'telemetry/cues/index.m3u8' },
  );
  const playlist = HLS.parse(text) as HLS.types.MasterPlaylist;
  const [variant] = playlist.variants;
  assert.is(variant?.bandwidth, 1_160_000);
  assert.is(variant?.averageBandwidth, 950_000);
  assert.is(variant?.codecs, 'avc1.64001e,mp4a.40.2');
  assert.is(variant?.audio[0]?.uri, 'audio/0/index.m3u8');
  assert.is(variant?.subtitles[0]?.uri, 'telemetry/cues/index.m3u8');
  assert.not(text.includes('"eng "1""'), 'quotes in names do not break the list');
});

test('without sound and telemetry no groups are named', () => {
  const bandwidth = { peak: 10, average: 10 };
  const text = multivariantPlaylist(
    [{ path: 'v.m3u8', width: 2, height: 2, frameRate: 25, codecs: 'avc1.640028', bandwidth }],
    [],
    null,
  );
  assert.not.match(text, /AUDIO=|SUBTITLES=/);
  HLS.parse(text);
});

test('the peak is that of a run of segments, not of a short last one', () => {
  const segments = [
    { bytes: 500_000, duration: 4 },
    { bytes: 1_000_000, duration: 4 },
    { bytes: 100_000, duration: 0.1 },
  ];
  const { peak, average } = measure(segments, 4);
  assert.is(average, Math.ceil((1_600_000 * 8) / 8.1));
  assert.is(peak, Math.ceil((1_100_000 * 8) / 4.1));
});

test.run();
