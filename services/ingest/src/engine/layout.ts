// Where the engine's files lie, relative to the layer: known from the plan, never from what the engine says.
import type { EnginePlan, EngineResult } from '@sortie/native';

export const rungDirectory = (name: string): string => `video/${name}`;
export const initPathIn = (directory: string): string => `${directory}/init.mp4`;
/** `index` counts from 0, names from 1 (native/src/mux.cc). */
export const segmentPathIn = (directory: string, index: number): string =>
  `${directory}/${String(index + 1).padStart(5, '0')}.m4s`;

/** Everything that the engine has made by its own word, by the plan's names. */
export function engineFiles(
  { posterPath, previewsPath }: Pick<EnginePlan, 'posterPath' | 'previewsPath'>,
  { rungs, audio, posterTime, previewTimes }: Pick<EngineResult, 'rungs' | 'audio' | 'posterTime' | 'previewTimes'>,
): Map<string, boolean> {
  const files = new Map<string, boolean>();
  for (const { initPath, segments } of [...rungs, ...audio])
    for (const path of [initPath, ...segments.map((segment) => segment.path)]) files.set(path, true);
  if (posterPath !== null) files.set(posterPath, posterTime !== null);
  if (previewsPath !== null) files.set(previewsPath, previewTimes.length > 0);
  return files;
}
