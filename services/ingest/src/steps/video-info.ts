// Generating Video Info: what is going to be made of it.
import type { ProbedStream } from '../media/probe.js';
import { videoPlan, type StreamInfo, type VideoPlan } from '../plan.js';
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
  for (const warning of plan.warnings) run.warn('CAPPED_TO_SOURCE', warning);
  return plan;
}
