// Subtitles in which DJI's aircraft write their telemetry: one block a picture, or a second, its time that of the video.
import { readFile } from 'node:fs/promises';
import { inRange, wrong, type Row, type Sidecar } from './row.js';

const cueTime = /(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->/;
/** "[latitude: 47.1]", "[rel_alt: 1.2 abs_alt: 500.1]", "[longtitude : 8.1]" (sic, of older firmware). */
const named = (text: string, ...names: string[]): number | null => {
  for (const name of names) {
    const found = new RegExp(`\\b${name}\\s*[:=]\\s*(-?\\d+(?:\\.\\d+)?)`, 'i').exec(text)?.[1];
    if (found !== undefined) return Number(found);
  }
  return null;
};
/** "GPS(8.1234,47.1234,20)": longitude first, but for some aircraft; a number beyond 90 can be no latitude. */
const oldPlace = /GPS\s*\(\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)/i;
const date = /(\d{4})[-.](\d\d)[-.](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?/;

export async function* srtRows(sidecar: Sidecar): AsyncGenerator<Row> {
  const text = await readFile(sidecar.path, 'utf8');
  let blocks = 0;
  let places = 0;
  let before = -1;
  for (const block of text.replaceAll('\r', '').split(/\n\s*\n/)) {
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
    const latitude = named(block, 'latitude') ?? oldLatitude;
    const longitude = named(block, 'longitude', 'longtitude') ?? oldLongitude;
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
    const heading = named(block, 'gb_yaw', 'yaw');
    if (heading !== null) items.push([5, ((heading % 360) + 360) % 360]);
    items.push([13, inRange(sidecar, where, 13, latitude)], [14, inRange(sidecar, where, 14, longitude)]);
    const height = named(block, 'abs_alt', 'altitude');
    if (height !== null) items.push([15, inRange(sidecar, where, 15, height)]);
    const [pitch, roll] = [named(block, 'gb_pitch'), named(block, 'gb_roll')];
    if (pitch !== null) items.push([18, 0], [19, inRange(sidecar, where, 19, pitch)]);
    if (roll !== null) items.push([20, ((roll % 360) + 360) % 360]);
    yield { items, mediaTime };
  }
  if (blocks === 0) throw wrong(sidecar, '', 'it holds no subtitles.');
  if (places === 0)
    throw wrong(sidecar, '', 'none of its subtitles tells a latitude and longitude as DJI writes them.');
}
