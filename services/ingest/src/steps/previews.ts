// Generating Preview Images: the sprite sheet of the engine, and its index for players.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import type { Previews } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { EnginePlan, EngineResult } from '@sortie/native';
import { jpegSize } from '../media/jpeg.js';
import type { Run } from '../run.js';

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
  const sheet = jpegSize(await readFile(join(run.parts.directory, path)));
  const needed = Math.ceil(previews.count / previewColumns);
  if (sheet.height !== previews.rows * previewHeight || previews.rows < needed || sheet.width % previewWidth !== 0) {
    throw new SortieError(
      'OUTPUT_FAULTY',
      `The previews' sheet is ${sheet.width}x${sheet.height}, which does not hold them.`,
    );
  }
  previews.columns = sheet.width / previewWidth;
  await writeFile(join(run.parts.directory, 'previews.json'), JSON.stringify(previews));
  return previews;
}
