// Transcoding: one demux and one decode make all rungs, the sound, the poster and the previews. On a GPU where one works;
// whatever goes wrong there, the CPU does again, within the same attempt.
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { Engine } from '@sortie/common/gen/sortie/job/v1/job';
import type { EnginePlan, EngineProgress, EngineResult } from '@sortie/native';
import { restarting } from '../confined/restart.js';
import { runEngine } from '../engine/engine.js';
import type { Expected } from '../engine/limits.js';
import { fitMemory, memoryOf } from '../engine/memory.js';
import { costOf } from '../gpu/cost.js';
import type { StreamInfo } from '../plan.js';
import type { ProgressInput, Run } from '../run.js';
import type { Source } from './start.js';

const duration = (seconds: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(seconds),
  nanos: Math.round((seconds - Math.floor(seconds)) * 1e9),
});

/** From this share on only the observed pace counts. */
const trustedShare = 0.1;

export interface Pace {
  elapsedSeconds: number;
  /** What the cost model expects for the whole; null without a model. */
  expectedSeconds: number | null;
}

/**
 * Share done by media time, by bytes read when the length is unknown. What is left comes from the pace so far; in the
 * beginning, when that says little, from the model as well.
 */
export function progressOf(
  { frames, fps, mediaTime, inputBytes }: Omit<EngineProgress, 'engine'>,
  info: Pick<StreamInfo, 'duration'>,
  sizeBytes: number,
  { elapsedSeconds, expectedSeconds }: Pace,
): ProgressInput {
  const share = info.duration !== null ? mediaTime / info.duration : inputBytes / Math.max(1, sizeBytes);
  const fraction = Math.min(1, Math.max(0, share));
  const observed = fraction > 0.01 ? elapsedSeconds / fraction : null;
  const trust = Math.min(1, fraction / trustedShare);
  const whole =
    observed !== null && expectedSeconds !== null
      ? trust * observed + (1 - trust) * expectedSeconds
      : (observed ?? expectedSeconds);
  return {
    fraction,
    frames,
    fps,
    mediaTime: duration(Math.max(0, mediaTime)),
    remaining: whole !== null ? duration(whole * (1 - fraction)) : undefined,
  };
}

/** One run of the engine, on the plan's device or on the CPU. */
async function transcodeOn(
  run: Run,
  source: Source,
  info: StreamInfo,
  plan: EnginePlan,
  expectedSeconds: number | null,
): Promise<EngineResult> {
  const { engine } = run.parts.settings;
  const began = performance.now();
  const { width, height, bitDepth } = info.video;
  const expected: Expected = {
    seconds: info.duration,
    sourceBytes: source.file.sizeBytes,
    sourcePixels: width * height,
    memoryBytes: memoryOf(plan, { width, height, bitDepth }, availableParallelism()),
  };
  let told: Promise<void> | undefined;
  const result = await runEngine(plan, {
    expected,
    gpu: plan.device === null ? null : { ...engine, stallMs: engine.gpuStallMs },
    signal: run.signal,
    onProgress: (progress) => {
      told ??= run.encodesOn(progress.engine === 'gpu' ? Engine.ENGINE_GPU : Engine.ENGINE_CPU);
      // A failure to tell comes out below, with the result.
      told.catch(() => undefined);
      const elapsedSeconds = (performance.now() - began) / 1000;
      run.progress(progressOf(progress, info, source.file.sizeBytes, { elapsedSeconds, expectedSeconds }));
    },
    onLine: (line) => run.parts.log.info({ engine: line }, 'the media engine says'),
  });
  run.parts.metrics.transcoded(result, (performance.now() - began) / 1000);
  await told;
  await run.encodesOn(result.engine === 'gpu' ? Engine.ENGINE_GPU : Engine.ENGINE_CPU);
  return result;
}

/** Failures that may be the GPU's or its driver's. Those of the input are the same on the CPU. */
const gpuFailures: readonly string[] = ['GPU_FAILED', 'ENGINE_CRASHED', 'ENGINE_STALLED', 'OUT_OF_MEMORY'];

/** Everything that the engine writes. */
const outputs = ({ posterPath, previewsPath }: EnginePlan): string[] =>
  ['video', 'audio', posterPath, previewsPath].filter((path) => path !== null);

async function removeOutputs(plan: EnginePlan): Promise<void> {
  for (const path of outputs(plan)) await rm(join(plan.outputDir, path), { recursive: true, force: true });
}

/** The same; an engine that somebody kills is started again from the beginning. */
const transcodeAgainWhenKilled = (...work: Parameters<typeof transcodeOn>): Promise<EngineResult> => {
  const [run, , , plan] = work;
  return restarting(
    () => transcodeOn(...work),
    run.signal,
    async (error) => {
      run.parts.log.warn({ err: error }, 'the media engine is started again');
      run.warn('ENGINE_RESTARTED', `${error.message} It was started again from the beginning.`);
      await removeOutputs(plan);
    },
  );
};

/** With no more memory than there is. */
function transcodeOnCpu(run: Run, source: Source, info: StreamInfo, plan: EnginePlan): Promise<EngineResult> {
  const fitted = fitMemory(plan, info.video, availableParallelism(), run.parts.settings.jobMemory);
  if (fitted.reduced) {
    const { threads, lookahead } = fitted.plan;
    run.parts.log.info({ threads, lookahead, bytes: fitted.bytes }, 'the plan is made to fit the memory');
    run.warn(
      'MEMORY_LIMITED',
      `The worker has little memory for this video: it is encoded with ${threads} thread${threads === 1 ? '' : 's'}${lookahead === null ? '' : `, looking ahead ${lookahead} frames`}.`,
    );
  }
  return transcodeAgainWhenKilled(run, source, info, fitted.plan, null);
}

async function transcodeOnGpu(
  run: Run,
  source: Source,
  info: StreamInfo,
  plan: EnginePlan,
): Promise<EngineResult | null> {
  const { gpu, cost, release } = await run.parts.gpus.reserve((gpu) => costOf(plan, info.video, gpu), run.signal);
  try {
    const frames = info.duration === null ? null : (info.duration * plan.frameRateNum) / plan.frameRateDen;
    const expected = frames !== null && cost.framesPerSecond !== null ? frames / cost.framesPerSecond : null;
    return await transcodeAgainWhenKilled(run, source, info, { ...plan, device: gpu.device }, expected);
  } catch (thrown) {
    run.signal.throwIfAborted();
    const { code, message } = SortieError.from(thrown);
    if (!gpuFailures.includes(code)) throw thrown;
    run.parts.log.warn({ gpu: gpu.name, device: gpu.device, code, err: thrown }, 'the GPU failed; the CPU takes over');
    run.warn('GPU_FAILED', message);
    await removeOutputs(plan);
    return null;
  } finally {
    release();
  }
}

/** Less than this, seconds, or this share of the whole is rounding, or a last group of frames that was not closed. */
const shortSeconds = 1;
const shortShare = 0.05;

/** Says so when the file promises more than it holds. */
export function cutShort(
  { duration }: Pick<StreamInfo, 'duration'>,
  made: Pick<EngineResult, 'duration' | 'clockJumps'>,
): string | null {
  // Where gaps were joined the layer is shorter by what nobody filmed.
  if (duration === null || made.clockJumps.length > 0) return null;
  const missing = duration - made.duration;
  if (missing < Math.max(shortSeconds, duration * shortShare)) return null;
  return `The file promises ${duration.toFixed(1)} s, of which ${made.duration.toFixed(1)} s could be read: the recording or the upload may have been cut off, or the rest is damaged.`;
}

export async function transcode(run: Run, source: Source, info: StreamInfo, plan: EnginePlan): Promise<EngineResult> {
  const onGpu = run.parts.gpus.gpus.length > 0 ? await transcodeOnGpu(run, source, info, plan) : null;
  const result = onGpu ?? (await transcodeOnCpu(run, source, info, plan));
  for (const warning of result.warnings) run.warn('SOURCE_MENDED', warning);
  const short = cutShort(info, result);
  if (short) run.warn('SOURCE_CUT_SHORT', short);
  for (const warning of result.gpuWarnings) run.warn('GPU_UNUSED', warning);
  const lost = plan.audio.length - result.audio.length;
  if (lost > 0)
    run.warn('AUDIO_UNREADABLE', `${lost} of ${plan.audio.length} sound tracks could not be decoded and are left out.`);
  return result;
}
