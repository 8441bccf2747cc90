// Which of the streams are meant: the video, and the audio and the telemetry that belong to it. Pure: from what the probe found.
import { SortieError } from '@sortie/common/errors';
import type { Probed, ProbedStream } from './probe.js';

export interface Selection {
  video: ProbedStream;
  /** Audio that belongs to the video. */
  audio: ProbedStream[];
  /** Number of the program that the video is of, in a transport stream with several; null elsewhere. */
  program: number | null;
  /** For the owner: what was seen and is not shown, a sentence each. */
  leftOut: string[];
}

/** Stills that pass for a video have so few frames (a phone's top shots, the cover of a clip). */
const mostStills = 2;
/** A handful beside a track of many times as many frames is one of stills, too. */
const handful = 10;
const manyTimes = 20;
/** A track that is shorter than this share of the longest one is a part of the recording only. */
const leastShare = 0.5;

const describe = (stream: ProbedStream): string =>
  `stream ${stream.index} (${stream.codec} ${stream.width}x${stream.height})`;

/** Whether choosing among the videos needs to know how many frames each has, which the container does not tell. */
export const needsCount = (probed: Probed): boolean => {
  const videos = moving(probed);
  return videos.length > 1 && videos.some(({ frames }) => frames === null);
};

const moving = ({ streams }: Probed): ProbedStream[] =>
  streams.filter((stream) => stream.type === 'video' && !stream.still);

/** The videos that are no stills and not much shorter than another one. */
function candidates(videos: readonly ProbedStream[]): ProbedStream[] {
  const mostFrames = Math.max(0, ...videos.map(({ frames }) => frames ?? 0));
  const longest = Math.max(0, ...videos.map(({ duration }) => duration ?? 0));
  const good = videos.filter(({ frames, duration }) => {
    const stills =
      frames !== null &&
      (frames <= mostStills ? mostFrames > mostStills : frames < handful && frames * manyTimes < mostFrames);
    const short = duration !== null && duration < longest * leastShare;
    return !stills && !short;
  });
  return good.length > 0 ? good : [...videos];
}

/** The largest; among equals the one that the container names as default, then the first. */
const better = (a: ProbedStream, b: ProbedStream): number =>
  b.width * b.height - a.width * a.height || Number(b.isDefault) - Number(a.isDefault) || a.index - b.index;

function noVideo({ streams }: Probed): SortieError {
  const found = [
    ...new Set(streams.map(({ type, still }) => (still ? 'cover picture' : type === '' ? 'unknown data' : type))),
  ];
  return new SortieError(
    'NO_VIDEO_STREAM',
    `The file holds no video (found: ${found.length === 0 ? 'nothing' : found.join(', ')}).`,
  );
}

/** Throws NO_VIDEO_STREAM. */
export function selectStreams(probed: Probed): Selection {
  const videos = moving(probed);
  // One that cannot be read is chosen only where there is no other: its trouble is then told.
  const readable = videos.filter(({ codec, width, height }) => codec !== '' && width > 0 && height > 0);
  const [video] = candidates(readable.length > 0 ? readable : videos).sort(better);
  if (!video) throw noVideo(probed);
  const program = probed.programs.find(({ streams }) => streams.includes(video.index)) ?? null;
  const foreign = new Set(
    probed.programs
      .filter(
        (other) => other !== program && other.streams.some((index) => videos.some((stream) => stream.index === index)),
      )
      .flatMap(({ streams }) => streams)
      .filter((index) => !program?.streams.includes(index)),
  );
  const all = probed.streams.filter(({ type }) => type === 'audio');
  const own = all.filter(({ index }) => program === null || program.streams.includes(index));
  // What is in no program with a video of its own may belong to this one.
  const audio = own.length > 0 ? own : all.filter(({ index }) => !foreign.has(index));
  const others = videos.filter((stream) => stream !== video);
  const leftOut: string[] = [];
  if (others.length > 0)
    leftOut.push(`The file holds ${videos.length} videos: ${describe(video)} is shown, ${others.map(describe).join(', ')} ${others.length === 1 ? 'is' : 'are'} left out.`); // prettier-ignore
  if (audio.length < all.length)
    leftOut.push(`${all.length - audio.length} of ${all.length} audio tracks belong to other programs of the file and are left out.`); // prettier-ignore
  return { video, audio, program: program && probed.programs.length > 1 ? program.number : null, leftOut };
}
