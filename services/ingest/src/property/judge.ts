// Whether what a layer shows, sounds and tells belongs together.
import { pictureSecond, type Layer, type Told } from './layer.js';
import type { Source } from './make.js';
import { rate, type Recipe, type Silence } from './recipe.js';

const frame = 1 / rate;
/** Seconds. */
const tolerance = { picture: 0.01, sound: 0.05, position: frame + 0.01 };
const step = 0.37;
/** Seconds around a join that are not looked at. */
const edge = 0.25;

/** The sound is known by what is heard within 0.55 s, and behind a join it is put in its place after 8 frames of 64 ms. */
const settling = 1.1;

const near = (a: number, b: number, most: number): boolean => Math.abs(a - b) <= most;
const text = (value: number): string => value.toFixed(3);

/** All pictures of the source, once each and in order; while one stands it comes again. */
function pictureComplaints({ pieces }: Recipe, { pictures }: Source, { shown, made }: Layer): string[] {
  const firsts = shown.filter(({ picture }, index) => picture !== shown[index - 1]?.picture);
  const numbers = firsts.map(({ picture }) => picture);
  const wrong = numbers.findIndex((picture, index) => picture !== pictures[index]);
  if (wrong >= 0 || numbers.length !== pictures.length)
    return [
      `${numbers.length} pictures instead of ${pictures.length}; first difference at ${wrong}: ${numbers.slice(Math.max(0, wrong - 2), wrong + 3).join()} instead of ${pictures.slice(Math.max(0, wrong - 2), wrong + 3).join()}`,
    ];
  const found: string[] = [];
  firsts.forEach(({ time, picture }, index) => {
    const before = firsts[index - 1];
    // Where a piece begins it is for the clocks to say how long nobody filmed.
    const joined = made.clockJumps.some(({ mediaTime }) => near(mediaTime, time, edge));
    if (!before || joined || isJoin(pieces, before.picture, picture)) return;
    const [shownFor, filmed] = [time - before.time, pictureSecond(picture - before.picture)];
    if (!near(shownFor, filmed, tolerance.picture))
      found.push(`picture ${before.picture} stands ${text(shownFor)} s before ${picture} at ${text(time)}, which was filmed ${text(filmed)} s later`);
  }); // prettier-ignore
  return found.slice(0, 3);
}

const isJoin = (pieces: Recipe['pieces'], before: number, after: number): boolean =>
  pieces.some(({ from }) => pictureSecond(before) < from - 1e-6 && pictureSecond(after) > from - 1e-6);

/** Source second at a media time, by the latest of the marks; time goes on behind it. */
function secondBy(marks: readonly { start: number; second: number }[], time: number): { start: number; second: number } | null {
  const mark = marks.findLast(({ start }) => start <= time + 1e-6);
  return mark ? { start: mark.start, second: mark.second + time - mark.start } : null;
} // prettier-ignore

/** Whether the source holds that stream around the second, without an edge nearby. */
const holds = ({ pieces }: Recipe, second: number, what: Silence, margin: number): boolean =>
  pieces.some(
    ({ from, to, gaps }) =>
      second > from + margin &&
      second < to - margin &&
      gaps.every((gap) => !gap.silent.includes(what) || second < gap.from - margin || second > gap.to + margin),
  );

/** A track may begin after the video. */
const trackBegin = ({ sidecar, pieces }: Recipe): number =>
  sidecar ? Math.max(0, (pieces[0]?.from ?? 0) - sidecar.before) + sidecar.phase : 0;

const isSettling = ({ pieces }: Recipe, second: number): boolean =>
  pieces.some(
    ({ from, to }, index) =>
      (index > 0 && second > from - settling && second < from + settling) ||
      (index < pieces.length - 1 && second > to - settling && second < to + settling),
  );

export function complaints(recipe: Recipe, source: Source, layer: Layer): string[] {
  const { made, shown, cues, rows, heard } = layer;
  const found = pictureComplaints(recipe, source, layer);
  const complain = (what: string): void => {
    if (found.length < 12) found.push(what);
  };
  const marks = shown
    .filter(({ picture }, index) => picture !== shown[index - 1]?.picture)
    .map(({ time, picture }) => ({ start: time, second: pictureSecond(picture) }));
  const telemetryRate = recipe.klv ?? recipe.sidecar?.rate ?? null;
  const jumps = made.clockJumps.map(({ mediaTime }) => mediaTime);
  for (let time = step; time < made.duration - edge; time += step) {
    const seen = secondBy(marks, time);
    if (!seen || jumps.some((jump) => near(jump, time, edge))) continue;
    const { second } = seen;
    // Behind the end of a piece the last picture may stand; of that time the source holds nothing.
    if (recipe.pieces.some(({ to }) => second > to && second - (time - seen.start) <= to)) continue;
    const joining = jumps.some((jump) => near(jump, time, settling)) || isSettling(recipe, second);
    const sound = joining ? null : heard(time);
    if (sound === null) {
      if (!joining && recipe.audio && holds(recipe, second, 'audio', settling)) complain(`at ${text(time)}, of ${text(second)}, nothing is heard`); // prettier-ignore
    } else if (!near(sound, second, tolerance.sound)) {
      complain(`at ${text(time)} the picture is of ${text(second)}, the sound of ${text(sound)}`);
    }
    if (telemetryRate === null) continue;
    const cue = cues.findLast(({ start, end }) => start <= time && time < end) ?? null;
    complainOfCue(cue, time, second);
  }
  return found;

  function complainOfCue(cue: Told | null, time: number, second: number): void {
    const period = 1 / (telemetryRate ?? 1);
    if (!cue) {
      if (second >= trackBegin(recipe) && holds(recipe, second, 'klv', period + 0.1))
        complain(`at ${text(time)}, of ${text(second)}, nothing is told`);
      return;
    }
    // What was told last before a join holds until the next packet.
    if (jumps.some((jump) => cue.start < jump && jump <= time)) return;
    // The first packet of a piece may come a moment behind its first frame.
    if (recipe.pieces.some(({ from }) => second > from - 1e-6 && second < from + tolerance.position)) return;
    // A cue begins with the video at the earliest; its row has the time of the packet.
    const row = rows.findLast(({ start }) => Math.max(0, start) <= cue.start + 0.0006);
    if (!row || !near(row.second, cue.second, 1e-3)) {
      complain(`at ${text(time)} the table has the position of ${text(row?.second ?? 0)}, the cue that of ${text(cue.second)}`); // prettier-ignore
      return;
    }
    const told = row.second + time - row.start;
    if (!near(told, second, tolerance.position))
      complain(`at ${text(time)} the picture is of ${text(second)}, the position of ${text(told)}`);
  }
}
