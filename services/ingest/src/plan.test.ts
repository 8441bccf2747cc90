import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseProbe } from './media/probe.js';
import { streamInfo } from './plan.js';

/** Length that is told for a file of one video, as ffprobe gives it. */
function duration(demuxer: string, video: object, format: object, audio: object[] = []): number | null {
  const streams = [{ index: 0, codec_type: 'video', codec_name: 'h264', width: 160, height: 90, ...video }];
  const probed = parseProbe(JSON.stringify({ streams: [...streams, ...audio.map((track, index) => ({ index: index + 1, codec_type: 'audio', ...track }))], format })); // prettier-ignore
  const [first] = probed?.streams ?? [];
  if (!probed || !first) throw new Error('The test wrote no JSON.');
  return streamInfo({ demuxer, name: demuxer }, probed, first).duration;
}

test('a file that starts at ten hours is as long as what it holds', () => {
  const format = { start_time: '36000.000000', duration: '36012.000000' };
  assert.is(duration('matroska', { start_time: '36000.000000' }, format), 12);
  assert.is(duration('flv', { start_time: '36000.000000' }, format), 12);
  // Elsewhere libavformat counts from the first frame.
  assert.is(duration('mpegts', { start_time: '36000.000000' }, { ...format, duration: '12.000000' }), 12);
  // A length that is less than the start is none from 0.
  assert.is(duration('matroska', { start_time: '36000.000000' }, { ...format, duration: '12.000000' }), 12);
});

test('the longer of video and audio is the length', () => {
  assert.is(duration('mov', { duration: '0.040000' }, { duration: '20.000000' }, [{ duration: '20.000000' }]), 20);
  assert.is(duration('mov', { duration: '30.000000' }, { duration: '30.000000' }, [{ duration: '20.000000' }]), 30);
  assert.is(duration('h264', {}, {}), null);
});

test.run();
