// Subtitles in which DJI's aircraft write their telemetry: one block a picture, or a second, its time that of the video.
import { sidecarBudget } from '../budgets.js';
import { fileLines } from './lines.js';
import { inRange, wrong, type Row, type Sidecar } from './row.js';

const cueTime = /(\d{1,4}):(\d\d):(\d\d)[,.](\d{1,3})\s{0,9}-->/;
/** "[latitude: 47.1]", "[rel_alt: 1.2 abs_alt: 500.1]", "[longtitude : 8.1]" (sic, of older firmware). */
const latitudes = [/\blatitude\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i];
const longitudes = [
  /\blongitude\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i,
  /\blongtitude\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i,
];
const yaws = [
  /\bgb_yaw\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i,
  /\byaw\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i,
];
const altitudes = [
  /\babs_alt\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i,
  /\baltitude\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i,
];
const pitches = [/\bgb_pitch\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i];
const rolls = [/\bgb_roll\s{0,9}[:=]\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i];
/** "GPS(8.1234,47.1234,20)": longitude first, but for some aircraft; a number beyond 90 can be no latitude. */
const oldPlace = /GPS\s{0,9}\(\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)\s{0,9},\s{0,9}(-?\d{1,9}(?:\.\d{1,20})?)/i;
const date = /(\d{4})[-.](\d\d)[-.](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?/;

/** Of the first form that is there. */
function numberIn(text: string, forms: readonly RegExp[]): number | null {
  for (const form of forms) {
    const found = form.exec(text)?.[1];
    if (found !== undefined) return Number(found);
  }
  return null;
}

/** Blocks of lines with text, between lines without. */
async function* blocksOf(sidecar: Sidecar): AsyncGenerator<string> {
  let block: string[] = [];
  let size = 0;
  let number = 0;
  for await (const line of fileLines(sidecar.path, sidecarBudget.blockBytes)) {
    number++;
    const text = line?.replaceAll('\r', '');
    size += text === undefined ? Infinity : text.length + 1;
    if (text === undefined || size > sidecarBudget.blockBytes)
      throw wrong(
        sidecar,
        `line ${number}`,
        `its block of subtitles is longer than ${sidecarBudget.blockBytes} bytes.`,
      );
    if (text.trim() !== '') {
      block.push(text);
      continue;
    }
    if (block.length > 0) yield block.join('\n');
    block = [];
    size = 0;
  }
  if (block.length > 0) yield block.join('\n');
}

export async function* srtRows(sidecar: Sidecar): AsyncGenerator<Row> {
  let blocks = 0;
  let places = 0;
  let before = -1;
  for await (const block of blocksOf(sidecar)) {
    const time = cueTime.exec(block);
    if (!time) continue;
    blocks++;
    const where = `the block at ${time[0].replace('-->', '').trim()}`;
    const [hours = 0, minutes = 0, seconds = 0] = time.slice(1, 4).map(Number);
    const mediaTime = hours * 3600 + minutes * 60 + seconds + Number((time[4] ?? '0').padEnd(3, '0')) / 1000;
    if (mediaTime < before) throw wrong(sidecar, where, 'it is before the block above it; sort the blocks by time.');
    before = mediaTime;
    const pair = oldPlace.exec(block)?.slice(1, 3).map(Number);
    const [oldLongitude = null, oldLatitude = null] =
      Math.abs(pair?.[1] ?? 0) > 90 ? (pair ?? []).reverse() : (pair ?? []);
    const latitude = numberIn(block, latitudes) ?? oldLatitude;
    const longitude = numberIn(block, longitudes) ?? oldLongitude;
    // Without a fix DJI writes zeros.
    if (latitude === null || longitude === null || (latitude === 0 && longitude === 0)) continue;
    places++;
    const items: Row['items'] = [];
    const clock = date.exec(block);
    if (clock) {
      const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = clock.slice(1, 7).map(Number);
      // The aircraft's clock, as it is written; it does not say which zone that is.
      const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second);
      items.push([2, milliseconds * 1000 + Number((clock[7] ?? '0').padEnd(6, '0'))]);
    }
    const heading = numberIn(block, yaws);
    if (heading !== null) items.push([5, ((heading % 360) + 360) % 360]);
    items.push([13, inRange(sidecar, where, 13, latitude)], [14, inRange(sidecar, where, 14, longitude)]);
    const height = numberIn(block, altitudes);
    if (height !== null) items.push([15, inRange(sidecar, where, 15, height)]);
    const [pitch, roll] = [numberIn(block, pitches), numberIn(block, rolls)];
    if (pitch !== null) items.push([18, 0], [19, inRange(sidecar, where, 19, pitch)]);
    if (roll !== null) items.push([20, ((roll % 360) + 360) % 360]);
    yield { items, mediaTime };
  }
  if (blocks === 0) throw wrong(sidecar, '', 'it holds no subtitles.');
  if (places === 0)
    throw wrong(sidecar, '', 'none of its subtitles tells a latitude and longitude as DJI writes them.');
}
