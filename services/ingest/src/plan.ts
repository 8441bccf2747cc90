// The plan of an ingest: pure decisions from what the probe found and what was asked for.
import type { AudioPlan, EnginePlan } from '@sortie/native';
import {
  displaySize,
  frameRateOf,
  ladderFor,
  orientationOf,
  qualityOf,
  ratesFor,
  type Size,
} from './media/geometry.js';
import type { EngineSettings } from './gpu/settings.js';
import type { Probed, ProbedStream } from './media/probe.js';
import type { Container } from './media/sniff.js';

/** What is in the file and how it is shown. */
export interface StreamInfo {
  container: Container;
  video: ProbedStream;
  rotation: number;
  mirror: boolean;
  display: Size;
  frameRate: { num: number; den: number };
  interlaced: boolean;
  /** Seconds; null when the file does not tell. */
  duration: number | null;
  /** Ladder word of the source's size. */
  quality: string;
}

/** What is to be made. */
export interface VideoPlan {
  engine: EnginePlan;
  warnings: string[];
}

/** Distance of key frames; a segment is a whole number of them. */
export const gopSeconds = 2;

export const limits = {
  /** 8192 x 5120: more than any drone camera, less than what a hostile header asks for. */
  maxPixels: 8192 * 5120,
  /** A day at 120 frames per second. */
  maxFrames: 24 * 3600 * 120,
  maxAudioTracks: 8,
};

const segmentSeconds = 4;
const previewMax = 100;
const previewColumns = 10;
const previewWidth = 160;
const posterBox: Size = { width: 1280, height: 720 };

const even = (value: number): number => Math.max(2, 2 * Math.round(value / 2));

/** Demuxers whose durations count from time 0, not from the first frame (libavformat: matroskadec.c, flvdec.c). */
const countFromZero = ['matroska', 'flv'];

/** Seconds from the first frame to the end, of the longer of video and file; null when nothing tells. */
function durationOf({ demuxer }: Container, { start, duration, streams }: Probed, video: ProbedStream): number | null {
  const audio = streams.filter(({ type }) => type === 'audio').map((stream) => stream.duration ?? 0);
  const told = video.duration === null ? duration : Math.max(video.duration, ...audio);
  if (told === null || !countFromZero.includes(demuxer)) return told;
  const first = video.start > 0 ? video.start : start;
  return first > 0 && first < told ? told - first : told;
}

export function streamInfo(container: Container, probed: Probed, video: ProbedStream): StreamInfo {
  const { rotation, mirror } = orientationOf(video);
  const display = displaySize(video, rotation);
  return {
    container,
    video,
    rotation,
    mirror,
    display,
    frameRate: frameRateOf(video),
    // Elementary streams and MBAFF say "progressive" in their headers and are not: the engine looks at each frame.
    interlaced: !['progressive', ''].includes(video.fieldOrder),
    duration: durationOf(container, probed, video),
    quality: qualityOf(display).word,
  };
}

/** Sound tracks that are made: AAC-LC, mono stays mono, the rest becomes stereo. */
export const audioPlans = (tracks: readonly ProbedStream[]): AudioPlan[] =>
  tracks.slice(0, limits.maxAudioTracks).map((track, index) => ({
    stream: track.index,
    directory: `audio/${index}`,
    bitrate: track.channels === 1 ? 96_000 : 160_000,
    channels: track.channels === 1 ? 1 : 2,
    sampleRate: track.sampleRate === 44_100 ? 44_100 : 48_000,
  }));

export interface PlanInput {
  info: StreamInfo;
  tracks: readonly ProbedStream[];
  /** Ladder words; none for those that the source fills. */
  words: readonly string[];
  input: string;
  outputDir: string;
  settings: Pick<EngineSettings, 'preset' | 'gpuPreset' | 'codec' | 'threads'>;
}

export function videoPlan({ info, tracks, words, input, outputDir, settings }: PlanInput): VideoPlan {
  const { rungs, warnings } = ladderFor(info.display, words);
  const framesPerSecond = info.frameRate.num / info.frameRate.den;
  const poster = Math.min(1, posterBox.width / info.display.width, posterBox.height / info.display.height);
  const duration = info.duration ?? 0;
  return {
    warnings,
    engine: {
      input,
      demuxer: info.container.demuxer,
      outputDir,
      videoStream: info.video.index,
      rotation: info.rotation,
      mirror: info.mirror,
      deinterlace: true,
      frameRateNum: info.frameRate.num,
      frameRateDen: info.frameRate.den,
      steadyRate: info.video.averageRate === info.video.realRate,
      gopSeconds,
      segmentSeconds,
      rungs: rungs.map((rung) => ({ ...rung, ...ratesFor(rung, framesPerSecond) })),
      audio: audioPlans(tracks),
      codec: settings.codec,
      // HEVC keeps what a ten-bit source has, also high dynamic range; H.264 players know eight bits only.
      bitDepth: settings.codec === 'hevc' && info.video.bitDepth > 8 ? 10 : 8,
      preset: settings.preset,
      device: null,
      gpuPreset: settings.gpuPreset,
      threads: settings.threads,
      lookahead: null,
      posterPath: 'poster.jpg',
      // Past the black or the caption that many recordings begin with, but within a short one.
      posterTime: Math.min(duration / 10, 5),
      posterWidth: even(info.display.width * poster),
      posterHeight: even(info.display.height * poster),
      previewsPath: 'previews.jpg',
      previewWidth,
      previewHeight: even(Math.min(previewWidth * 2, (previewWidth * info.display.height) / info.display.width)),
      previewColumns,
      previewMax,
      previewInterval: Math.max(1, Math.ceil(duration / previewMax)),
      maxPixels: limits.maxPixels,
      maxFrames: limits.maxFrames,
    },
  };
}
