// Generating Video Info: what is going to be made of it.
import type { ProbedStream } from '../media/probe.js';
import { videoPlan, type StreamInfo, type VideoPlan } from '../plan.js';
import { SortieError } from '@sortie/common/errors';
import type { Run } from '../run.js';
import type { Source } from './start.js';

export function planVideo(run: Run, source: Source, info: StreamInfo, tracks: readonly ProbedStream[]): VideoPlan {
  const plan = videoPlan({
    info,
    tracks,
    words: run.inputs.requestedResolutions,
    input: source.path,
    outputDir: run.parts.directory,
    settings: run.parts.settings.engine,
  });
  const { megapixels } = run.parts.settings.budget;
  const maxFrames = framesOf(megapixels, info);
  if (surelyMoreThan(maxFrames, info, source.file.sizeBytes)) {
    throw new SortieError(
      'LIMIT_EXCEEDED',
      `The video is too much for one job: about ${Math.round(toldFrames(info))} frames of ${info.video.width}x${info.video.height}, where ${maxFrames} are taken (${megapixels} megapixels). Cut it into parts, or ask the operator for more.`,
    );
  }
  plan.engine.maxFrames = Math.min(plan.engine.maxFrames, maxFrames);
  for (const warning of plan.warnings) run.warn('CAPPED_TO_SOURCE', warning);
  return plan;
}

/** Frames of this size that a budget has room for. */
const framesOf = (megapixels: number, { video }: StreamInfo): number =>
  Math.max(1, Math.floor((megapixels * 1e6) / (video.width * video.height)));

const toldFrames = ({ duration, frameRate }: StreamInfo): number => ((duration ?? 0) * frameRate.num) / frameRate.den;

/** A frame of fewer bytes than this on average shows nothing. */
const leastFrameBytes = 1_000;

/** A length that is told may be wrong; with bytes enough for it, it is believed. Otherwise the frames are counted as they come. */
const surelyMoreThan = (maxFrames: number, info: StreamInfo, sourceBytes: number): boolean =>
  Math.min(toldFrames(info), sourceBytes / leastFrameBytes) > maxFrames;
