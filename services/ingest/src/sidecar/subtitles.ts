// Files of subtitles (.srt; .ass as Autel writes it): one block a picture, or a second, its time that of the video.
import { sidecarBudget } from '../budgets.js';
import type { Mended } from './mended.js';
import { wrong, type Row, type Sidecar } from './row.js';
import { SrtForm, srtRow } from './srt.js';
import { linesOf } from './text.js';

/** "00:00:01,000 --> 00:00:02,000". */
const cueTime = /^\s{0,9}(\d{1,4}):(\d{1,2}):(\d{1,2})[,.](\d{1,3})\s{0,9}-->/;
/** "Dialogue: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,Text": the text is the tenth field, commas and all. */
const dialogue = /^\s{0,9}Dialogue:[^,]{0,40},\s{0,9}(\d{1,4}):(\d{1,2}):(\d{1,2})[,.](\d{1,3}),(?:[^,]{0,200},){7}/;
const counter = /(?:^|\n)\s{0,9}\d{1,9}$/;

interface Block {
  /** Seconds. */
  time: number;
  where: string;
  text: string;
}

function begin(found: RegExpExecArray): Block {
  const [hours = 0, minutes = 0, seconds = 0] = found.slice(1, 4).map(Number);
  const fraction = Number(`0.${found[4] ?? '0'}`);
  const where = `the block at ${found.slice(1, 4).join(':')},${found[4] ?? ''}`;
  return { time: hours * 3600 + minutes * 60 + seconds + fraction, where, text: '' };
}

/**
 * A block goes from its line of times to the next one's: some programs write no blank lines between blocks, and some write
 * them within.
 */
async function* blocksOf(sidecar: Sidecar): AsyncGenerator<Block> {
  let block: Block | null = null;
  let number = 0;
  for await (const line of linesOf(sidecar.path, sidecarBudget.blockBytes)) {
    number++;
    if (line === null || (block && block.text.length + line.length > sidecarBudget.blockBytes))
      throw wrong(
        sidecar,
        `line ${number}`,
        `its block of subtitles is longer than ${sidecarBudget.blockBytes} bytes.`,
      );
    const spoken = dialogue.exec(line);
    const times = spoken ?? cueTime.exec(line);
    if (!times) {
      if (block) block.text += `${line}\n`;
      continue;
    }
    // The number of the next block stands before its times.
    if (block) yield { ...block, text: block.text.trimEnd().replace(counter, '') };
    block = begin(times);
    if (spoken) block.text = line.slice(spoken[0].length);
  }
  if (block) yield block;
}

/** Gives the rows of a file, as often as it is asked. */
export function subtitleReader(sidecar: Sidecar): (mended: Mended) => AsyncGenerator<Row> {
  let form: SrtForm | null = null;
  return async function* rows(mended) {
    if (!form) {
      form = new SrtForm();
      for await (const { text } of blocksOf(sidecar)) form.look(text);
    }
    let blocks = 0;
    let places = 0;
    for await (const { time, where, text } of blocksOf(sidecar)) {
      blocks++;
      const row = srtRow(text, time, form, (lost, kind, why) => {
        if (lost === 'block') mended.row('block', kind, where, why);
        else mended.value(kind, where, why);
      });
      if (!row) continue;
      places++;
      yield row;
    }
    if (blocks === 0) throw wrong(sidecar, '', 'it holds no subtitles.');
    if (places === 0)
      throw mended.nothing('none of its subtitles tells a latitude and longitude as DJI and Autel write them.');
    if (form.radians)
      mended.add('radians', () => `In ${sidecar.name}, places seem to be in radians, as some Mavic Air 2 write them; they are taken so, and told in degrees.`); // prettier-ignore
  };
}
