// The ingest, step by step, in the documented order.
import { Step } from '@sortie/common/gen/sortie/job/v1/job';
import type { EngineResult } from '@sortie/native';
import type { Run } from './run.js';
import { writeAbr } from './steps/abr.js';
import { cleanUp } from './steps/clean-up.js';
import { extractKlv } from './steps/extract-klv.js';
import { writePlaylists } from './steps/hls.js';
import { layerFiles } from './steps/layer-files.js';
import { finishPoster } from './steps/poster.js';
import { finishPreviews } from './steps/previews.js';
import { probeAudio } from './steps/probe-audio.js';
import { probeKlv } from './steps/probe-klv.js';
import { probeVideo } from './steps/probe-video.js';
import { publish, save } from './steps/save.js';
import { start } from './steps/start.js';
import { describeStreams } from './steps/stream-info.js';
import { transcode } from './steps/transcode.js';
import { verify } from './steps/verify.js';
import { planVideo } from './steps/video-info.js';
import { complete } from './steps/complete.js';

const encodersOf = ({ rungs }: EngineResult): string => [...new Set(rungs.map(({ encoder }) => encoder))].join(' and ');

export async function ingest(run: Run): Promise<void> {
  const { committedAttempt } = run.parts.job;
  if (committedAttempt > 0) {
    // An earlier attempt was committed and could not say that it was done: its output only has to be shown.
    await run.step(Step.STEP_SAVE, () => publish(run, committedAttempt));
    await run.step(Step.STEP_COMPLETE, () => complete(run));
    return;
  }
  const source = await run.step(
    Step.STEP_START,
    () => start(run),
    ({ file }) => `${file.fileName}, ${file.sizeBytes} bytes`,
  );
  const probe = await run.step(
    Step.STEP_PROBE_VIDEO,
    () => probeVideo(run, source),
    ({ container, video }) => `${container.name}, ${video.codec} ${video.width}x${video.height}`,
  );
  const tracks = await run.step(
    Step.STEP_PROBE_AUDIO,
    () => probeAudio(run, probe),
    (found) =>
      found.length === 0 ? 'no sound' : found.map((track) => `${track.codec} ${track.channels} ch`).join(', '),
  );
  const klv = await run.step(
    Step.STEP_PROBE_KLV,
    () => probeKlv(run, source, probe),
    (found) => found.summary,
  );
  const info = await run.step(
    Step.STEP_STREAM_INFO,
    () => describeStreams(probe),
    (stream) =>
      `${stream.display.width}x${stream.display.height} at ${(stream.frameRate.num / stream.frameRate.den).toFixed(3)} frames/s` +
      (stream.duration === null ? '' : `, ${stream.duration.toFixed(2)} s`),
  );
  const { engine, warnings } = await run.step(
    Step.STEP_VIDEO_INFO,
    () => planVideo(run, source, info, tracks),
    ({ engine }) => engine.rungs.map((rung) => `${rung.name} ${rung.width}x${rung.height}`).join(', '),
  );
  const made = await run.step(
    Step.STEP_TRANSCODE,
    () => transcode(run, source, info, engine),
    (result) =>
      `${result.framesEncoded} frames, ${result.duration.toFixed(2)} s, ${result.decoder} to ${encodersOf(result)}`,
    { late: true },
  );
  const telemetry = await run.step(
    Step.STEP_EXTRACT_KLV,
    () => extractKlv(run, source, klv, engine, made),
    (found) => (found ? `${found.packets} packets` : 'no telemetry'),
  );
  const playlists = await run.step(
    Step.STEP_HLS,
    () => writePlaylists(run, made, telemetry),
    (found) => `${found.length} playlists`,
  );
  await run.step(
    Step.STEP_POSTER,
    () => finishPoster(run, engine, made),
    ({ width, height, time }) => `${width}x${height} at ${time.toFixed(2)} s`,
  );
  const previews = await run.step(
    Step.STEP_PREVIEWS,
    () => finishPreviews(run, engine, made),
    ({ count, intervalSeconds }) => `${count} pictures, one each ${intervalSeconds} s`,
  );
  const abr = await run.step(
    Step.STEP_ABR,
    () => writeAbr(run, { info, made, tracks, telemetry, warnings }),
    ({ renditions }) =>
      renditions.map(({ name, bandwidth }) => `${name} ${Math.round(bandwidth / 1000)} kb/s`).join(', '),
  );
  await run.step(Step.STEP_CLEAN_UP, () => cleanUp(run));
  const known = layerFiles({ plan: engine, made, telemetry, playlists });
  await run.step(
    Step.STEP_VERIFY,
    () => verify(run, { made, playlists, telemetry, known, frameRate: info.frameRate }),
    ({ segments, files }) => `${segments} segments and ${files} files are sound`,
  );
  await run.step(
    Step.STEP_SAVE,
    () => save(run, { source, info, made, tracks, telemetry, previews, abr, known }),
    ({ files, sizeBytes }) => `${files} files, ${sizeBytes} bytes`,
  );
  await run.step(Step.STEP_COMPLETE, () => complete(run));
}
