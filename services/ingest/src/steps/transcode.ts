// Transcoding: one demux and one decode make all rungs, the sound, the poster and the previews.
import type { EnginePlan, EngineProgress, EngineResult } from '@sortie/native';
import { runEngine } from '../engine/engine.js';
import type { StreamInfo } from '../plan.js';
import type { ProgressInput, Run } from '../run.js';
import type { Source } from './start.js';

const duration = (seconds: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(seconds),
  nanos: Math.round((seconds - Math.floor(seconds)) * 1e9),
});

/** Share done by media time, by bytes read when the length is unknown; what is left by the pace so far. */
export function progressOf(
  { frames, fps, mediaTime, inputBytes }: EngineProgress,
  info: StreamInfo,
  sizeBytes: number,
  elapsedSeconds: number,
): ProgressInput {
  const share = info.duration !== null ? mediaTime / info.duration : inputBytes / Math.max(1, sizeBytes);
  const fraction = Math.min(1, Math.max(0, share));
  return {
    fraction,
    frames,
    fps,
    mediaTime: duration(Math.max(0, mediaTime)),
    remaining: fraction > 0.01 ? duration((elapsedSeconds * (1 - fraction)) / fraction) : undefined,
  };
}

export async function transcode(run: Run, source: Source, info: StreamInfo, plan: EnginePlan): Promise<EngineResult> {
  const began = performance.now();
  const result = await runEngine(plan, run.signal, (progress) =>
    run.progress(progressOf(progress, info, source.file.sizeBytes, (performance.now() - began) / 1000)),
  );
  for (const warning of result.warnings) run.warn('SOURCE_MENDED', warning);
  const lost = plan.audio.length - result.audio.length;
  if (lost > 0)
    run.warn('AUDIO_UNREADABLE', `${lost} of ${plan.audio.length} sound tracks could not be decoded and are left out.`);
  return result;
}
