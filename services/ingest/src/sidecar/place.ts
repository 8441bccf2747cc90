// Where in the video the rows of a sidecar stand that tells the time of day: the track of a whole outing lies beside a clip of
// it as often as the track of the clip itself.
import type { TimeRule } from '../klv/time.js';

/** Microseconds since 1970, of the first and the last row. */
export interface Span {
  first: number;
  last: number;
}

/** What is known of the video's own times. */
export interface VideoSpan {
  /** Seconds. */
  duration: number;
  /** By the container's word: microseconds since 1970 (UTC); null when it has none. */
  creationTime: number | null;
  /** The time of the first picture by stamps in the pictures (ST 0604), or by item 2 of telemetry that came in the video. */
  clock: number | null;
}

export interface Placed {
  /** The time of day of the first picture shown. */
  start: number;
  rule: TimeRule;
  /** What the owner should know of it; null when there is no doubt. A sentence that goes on behind the file's name. */
  doubt: string | null;
}

const second = 1e6;
/** The track is as long as the video, but for this: a share of the longer, and seconds. */
const likeShare = 0.1;
const likeSeconds = 10;

const iso = (microseconds: number): string => new Date(microseconds / 1000).toISOString().replace('.000Z', 'Z');
const lasting = (microseconds: number): string => `${Math.round(microseconds / second)} s`;

/** How much of the video the track tells of, when the video begins at `start`; -1 when they do not meet. */
function shared({ first, last }: Span, start: number, length: number): number {
  const common = Math.min(last, start + length) - Math.max(first, start);
  return common < 0 ? -1 : common;
}

/** By the video's creation time, that is when it began; of some cameras, when it ended (mapillary/mapillary_tools#832). */
function byCreation(span: Span, creation: number, length: number): Pick<Placed, 'start' | 'rule'> | null {
  const [began, ended] = [shared(span, creation, length), shared(span, creation - length, length)];
  if (began < 0 && ended < 0) return null;
  // A track that ends with the recording would meet a video that begins there in a moment only.
  return began < 0 || ended > 2 * began
    ? { start: creation - length, rule: 'creation end' }
    : { start: creation, rule: 'creation' };
}

function startOf(span: Span, { duration, creationTime, clock }: VideoSpan): Pick<Placed, 'start' | 'rule'> {
  const length = duration * second;
  const created = creationTime === null ? null : byCreation(span, creationTime, length);
  if (created) return created;
  if (clock !== null && shared(span, clock, length) >= 0) return { start: clock, rule: 'video clock' };
  return { start: span.first, rule: 'timestamp' };
}

const words: Partial<Record<TimeRule, string>> = {
  creation: 'the video says that it was created then, and that is taken as its beginning',
  'creation end': 'the video says that it was created when that was over, as some cameras do',
  'video clock': "the video's own pictures or telemetry tell that time",
};

export function placeIn(span: Span, video: VideoSpan): Placed {
  const { start, rule } = startOf(span, video);
  const [track, length] = [span.last - span.first, video.duration * second];
  const differ = Math.abs(track - length) > likeShare * Math.max(track, length) + likeSeconds * second;
  const sizes = `${lasting(track)} against ${lasting(length)}`;
  const compared = track > length ? `is longer than the video (${sizes})` : `is shorter than the video (${sizes})`;
  const how = words[rule];
  if (how !== undefined) {
    const certain = rule !== 'creation end' && (!differ || rule === 'video clock');
    return { start, rule, doubt: certain ? null : `${differ ? `${compared}; it ` : ''}is placed so that the video begins at ${iso(start)}: ${how}.` };
  }
  const told = video.creationTime ?? video.clock;
  const elsewhere = told === null ? null : `tells of ${iso(span.first)} to ${iso(span.last)}, but the video says that it was made at ${iso(told)}`;
  const why = [differ ? compared : null, elsewhere].filter((part) => part !== null).join(', and ');
  return { start, rule, doubt: why === '' ? null : `${why}; its first row is laid at the first picture, for nothing tells where it belongs.` };
} // prettier-ignore
