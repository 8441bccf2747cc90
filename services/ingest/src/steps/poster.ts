// Generating Poster Image: the picture that the engine chose, looked at before anybody else does.
import { SortieError } from '@sortie/common/errors';
import type { EnginePlan, EngineResult } from '@sortie/native';
import { readFileBelow } from '../confined/below.js';
import { jpegSize, mostJpegBytes } from '../media/jpeg.js';
import type { Run } from '../run.js';

export interface Poster {
  path: string;
  width: number;
  height: number;
  /** Media time, seconds. */
  time: number;
}

export async function finishPoster(run: Run, plan: EnginePlan, made: EngineResult): Promise<Poster> {
  const { posterPath: path, posterWidth, posterHeight } = plan;
  if (path === null || made.posterTime === null) throw new SortieError('OUTPUT_FAULTY', 'The engine made no poster.');
  const { width, height } = jpegSize(await readFileBelow(run.parts.directory, path, mostJpegBytes));
  if (width !== posterWidth || height !== posterHeight) {
    throw new SortieError('OUTPUT_FAULTY', `The poster is ${width}x${height}, not ${posterWidth}x${posterHeight}.`);
  }
  return { path, width, height, time: made.posterTime };
}
