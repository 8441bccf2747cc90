// Generating Preview Images: the sprite sheet of the engine, and its index for players.
import { SortieError } from '@sortie/common/errors';
import type { Previews } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { EnginePlan, EngineResult } from '@sortie/native';
import { readFileBelow, writeFileBelow } from '../confined/below.js';
import { jpegSize, mostJpegBytes } from '../media/jpeg.js';
import type { Run } from '../run.js';

export const previewsIndex = 'previews.json';

export async function finishPreviews(run: Run, plan: EnginePlan, made: EngineResult): Promise<Previews> {
  const { previewsPath: path, previewWidth, previewHeight, previewColumns } = plan;
  if (path === null || made.previewTimes.length === 0)
    throw new SortieError('OUTPUT_FAULTY', 'The engine made no previews.');
  const previews: Previews = {
    count: made.previewTimes.length,
    width: previewWidth,
    height: previewHeight,
    columns: Math.min(previewColumns, made.previewTimes.length),
    rows: made.previewRows,
    intervalSeconds: made.previewInterval,
    timesSeconds: made.previewTimes,
  };
  const sheet = jpegSize(await readFileBelow(run.parts.directory, path, mostJpegBytes));
  const needed = Math.ceil(previews.count / previewColumns);
  if (sheet.height !== previews.rows * previewHeight || previews.rows < needed || sheet.width % previewWidth !== 0) {
    throw new SortieError(
      'OUTPUT_FAULTY',
      `The previews' sheet is ${sheet.width}x${sheet.height}, which does not hold them.`,
    );
  }
  previews.columns = sheet.width / previewWidth;
  await writeFileBelow(run.parts.directory, previewsIndex, JSON.stringify(previews));
  return previews;
}
