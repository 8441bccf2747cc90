// The typed mirror of the native boundary. Everything that crosses it is a flat plain object; what may be absent is
// `null`, never `undefined`, so that a missing property is always a mistake. Defaults and validation live above.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One rendition to make. */
export interface RungPlan {
  /** Ladder word; also the folder's name. */
  name: string;
  /** Pixels, even, after rotation and with square pixels. */
  width: number;
  height: number;
  /** Bits per second: average, peak, and the size of the decoder buffer in bits (libx264 b, maxrate, bufsize). */
  bitrate: number;
  maxBitrate: number;
  bufferSize: number;
}

/** One sound track to make: AAC-LC. */
export interface AudioPlan {
  /** Index of the stream in the container. */
  stream: number;
  /** Folder for its files, relative to `outputDir`. */
  directory: string;
  bitrate: number;
  /** 1 or 2. */
  channels: number;
  sampleRate: number;
}

/** The work of one engine run. Paths but `input` and `outputDir` are relative to `outputDir`. */
export interface EnginePlan {
  input: string;
  /** Short name of the libavformat demuxer that is forced, e.g. "mpegts", "mov". */
  demuxer: string;
  outputDir: string;
  /** Index of the video stream in the container. */
  videoStream: number;
  /** Clockwise turn that shows the picture upright: 0, 90, 180 or 270. */
  rotation: number;
  /** Mirrored left to right before the turn. */
  mirror: boolean;
  /** Deinterlace frames that are marked interlaced, one picture out for each one in. */
  deinterlace: boolean;
  /** Average rate of the source, for the encoder's rate control. */
  frameRateNum: number;
  frameRateDen: number;
  /** Whether all pictures are as far apart as the rate says, so that key frames come after a known number of them. */
  steadyRate: boolean;
  /** Closed GOP and segment length in seconds; a segment is a whole number of GOPs. */
  gopSeconds: number;
  segmentSeconds: number;
  rungs: RungPlan[];
  audio: AudioPlan[];
  /** What the rungs are: H.264 High, or HEVC Main (Main10 with `bitDepth` 10). */
  codec: 'h264' | 'hevc';
  /** 8, or 10 with HEVC; high dynamic range is brought to BT.709 at 8. */
  bitDepth: 8 | 10;
  /** Preset of libx264 or libx265. */
  preset: string;
  /** CUDA's number of the GPU that decodes, scales and encodes as far as it can; null for the CPU alone. */
  device: number | null;
  /** NVENC preset: "p1" (fastest) to "p7". */
  gpuPreset: string;
  /** Threads in all; 0 for as many as the machine has cores. */
  threads: number;
  /** Frames that libx264 or libx265 looks ahead, each of which it keeps in memory; null for the usual number, 40. */
  lookahead: number | null;
  posterPath: string | null;
  /** Media time from which on the poster is chosen, seconds. */
  posterTime: number;
  posterWidth: number;
  posterHeight: number;
  previewsPath: string | null;
  /** Size of one tile, pixels. */
  previewWidth: number;
  previewHeight: number;
  previewColumns: number;
  /** At most so many tiles: when there would be more, every second is dropped and the interval doubled. */
  previewMax: number;
  previewInterval: number;
  /** Refuse frames of more pixels than this, and more frames than this (hostile files). */
  maxPixels: number;
  maxFrames: number;
}

/** One finished segment file. Times are on the media timeline (0 = first picture shown), seconds. */
export interface Segment {
  /** Relative to `outputDir`, e.g. "video/sd/00001.m4s". */
  path: string;
  bytes: number;
  start: number;
  duration: number;
}

export interface RungResult {
  name: string;
  width: number;
  height: number;
  /** RFC 6381, from the sequence parameter set: "avc1.640028". */
  codecs: string;
  /** What encoded it: "NVENC", "libx264", "libx265". */
  encoder: string;
  initPath: string;
  initBytes: number;
  frames: number;
  segments: Segment[];
}

export interface AudioResult {
  stream: number;
  directory: string;
  codecs: string;
  channels: number;
  sampleRate: number;
  initPath: string;
  initBytes: number;
  segments: Segment[];
}

/** From `mediaTime` on (until the next one), the source's timestamp is `pts90k` + (t - mediaTime) * 90000. */
export interface ClockJump {
  mediaTime: number;
  pts90k: number;
}

export interface EngineResult {
  /** "gpu" when NVENC encoded every rung. */
  engine: 'cpu' | 'gpu';
  /** "NVDEC" or "libavcodec". */
  decoder: string;
  /** Frames decoded, shown and encoded into each rung. */
  framesDecoded: number;
  framesEncoded: number;
  /** Pictures or packets the decoder reported as damaged. */
  decodeErrors: number;
  /** Length of the picture on the media timeline, seconds. */
  duration: number;
  /** Timestamp of the first picture in the source, 90 kHz ticks: the origin of the media timeline. */
  originPts90k: number;
  /** Where the source's clock jumped after that; empty for a sound source. */
  clockJumps: ClockJump[];
  rungs: RungResult[];
  audio: AudioResult[];
  /** Media time of the poster, or null when none was made. */
  posterTime: number | null;
  previewInterval: number;
  previewRows: number;
  /** Media time of each tile, in the order of the sheet: row by row. */
  previewTimes: number[];
  /** For people: what was mended or left out. */
  warnings: string[];
  /** For people: what the GPU was to do and did not, and why. */
  gpuWarnings: string[];
}

export interface EngineProgress {
  /** As in the result; told first of all, with 0 frames. */
  engine: 'cpu' | 'gpu';
  frames: number;
  /** Moving average of source frames per second. */
  fps: number;
  /** Seconds on the media timeline. */
  mediaTime: number;
  /** Bytes of the input read so far. */
  inputBytes: number;
}

/** Why a run failed. `code` is one of a closed list; see `engine.h`. */
export interface EngineFailure extends Error {
  code:
    | 'OPEN_FAILED' // the demuxer refuses the file
    | 'NO_STREAM' // the stream does not exist or cannot be read
    | 'UNSUPPORTED_CODEC' // no decoder for it
    | 'ENCRYPTED' // its content is encrypted
    | 'DECODE_FAILED' // not one picture could be decoded
    | 'TOO_LARGE' // over maxPixels or maxFrames
    | 'ENCODE_FAILED'
    | 'WRITE_FAILED'
    | 'DISK_FULL' // no space left, or over quota
    | 'OUTPUT_LIMIT' // over the limit of a file's size under which it runs
    | 'OUT_OF_MEMORY'
    | 'CANCELLED'
    | 'GPU_FAILED' // of the GPU or its driver: the CPU can do the work
    | 'INTERNAL';
}

export interface EngineRun {
  /** Rejects with an `EngineFailure`. */
  result: Promise<EngineResult>;
  /** The run ends soon after with CANCELLED; files written so far stay. */
  cancel(): void;
}

/** Segments of one rendition to look at. */
export interface VerifyPlan {
  outputDir: string;
  initPath: string;
  segments: string[];
  threads: number;
}

export interface VerifiedSegment {
  path: string;
  /** What decoding gave: number of pictures (or sound frames), first and last presentation time, end, seconds. */
  frames: number;
  firstPts: number;
  lastPts: number;
  endPts: number;
  startsWithIdr: boolean;
  /** Null when all is well. */
  error: string | null;
}

/** What one use of a GPU came to when it was tried. */
export interface GpuTrial {
  works: boolean;
  /** Empty when it works. */
  reason: string;
  /** Names as libavcodec has them; HEVC of ten bits as "hevc10". */
  codecs: string[];
  /** Number of engines on the chip; 0 when unknown. */
  engines: number;
}

export interface GpuReport {
  /** CUDA's number. */
  device: number;
  name: string;
  /** Compute capability. */
  major: number;
  minor: number;
  /** Bytes. */
  memoryFree: number;
  memoryTotal: number;
  decode: GpuTrial;
  scale: GpuTrial;
  encode: GpuTrial;
}

export interface Preflight {
  /** Version of the driver, "" when unknown. */
  driver: string;
  /** CUDA version of the driver, 1000 * major + 10 * minor; 0 without a driver. */
  cuda: number;
  /** Why there is no GPU at all; empty when there is. */
  reason: string;
  gpus: GpuReport[];
}

/** What libavformat and libavcodec were linked. */
export interface EngineInfo {
  libavformat: string;
  libavcodec: string;
  libswscale: string;
  libx264: boolean;
  libx265: boolean;
}

interface Addon {
  info(): EngineInfo;
  run(plan: EnginePlan, onProgress: (progress: EngineProgress) => void): EngineRun;
  preflight(): Promise<Preflight>;
  verify(plan: VerifyPlan): Promise<VerifiedSegment[]>;
}

const here = dirname(fileURLToPath(import.meta.url));
// index.js lies in dist/, index.ts beside package.json: both find the build.
const root = existsSync(join(here, 'binding.gyp')) ? here : dirname(here);

let loaded: Addon | undefined;
function addon(): Addon {
  if (loaded) return loaded;
  const path = join(root, 'build', 'Release', 'sortie.node');
  try {
    loaded = createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new Error(`The media engine could not be loaded from ${path}; build it with 'npm run build -w native'.`, {
      cause,
    });
  }
  return loaded;
}

/** Path of `sortie-confine`, which runs a command without network and without files but the named ones. */
export const confinePath = join(root, 'build', 'Release', 'sortie-confine');

export const info = (): EngineInfo => addon().info();

/** One demux and one decode for everything: rungs, sound, poster, previews. `onProgress` comes at most 5 times a second. */
export const run = (plan: EnginePlan, onProgress: (progress: EngineProgress) => void): EngineRun =>
  addon().run(plan, onProgress);

/** Tries every GPU for real: decode, scale, encode. Takes about a second for each; never rejects for want of a GPU. */
export const preflight = (): Promise<Preflight> => addon().preflight();

/** Decodes each segment with its initialisation section; key frames and references are enough to reach the last one. */
export const verify = (plan: VerifyPlan): Promise<VerifiedSegment[]> => addon().verify(plan);
