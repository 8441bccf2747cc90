// What a job takes of a GPU: the share of its engines that keeps up with the recording, and memory. Pure.
import type { EnginePlan, GpuReport } from '@sortie/native';

/** Pictures a second of 1920x1080, 4:2:0, 8 bits, that one engine does at the card's usual clock. */
interface Generation {
  /** NVENC by preset p1, p3, p5, p7, high quality; the others lie between. */
  h264: readonly [number, number, number, number];
  hevc: readonly [number, number, number, number];
  /** NVDEC. */
  decode: { h264: number; hevc: number };
}

// NVENC and NVDEC application notes of Video Codec SDK 13.0.
const pascal: Generation = { h264: [692, 398, 327, 250], hevc: [692, 398, 327, 170], decode: { h264: 694, hevc: 810 } };
const turing: Generation = {
  h264: [833, 602, 264, 207],
  hevc: [920, 552, 334, 171],
  decode: { h264: 771, hevc: 1316 },
};
const ampere: Generation = {
  h264: [846, 617, 266, 213],
  hevc: [939, 557, 335, 171],
  decode: { h264: 748, hevc: 1415 },
};
const ada: Generation = { h264: [885, 647, 283, 211], hevc: [1037, 706, 411, 181], decode: { h264: 903, hevc: 1641 } };
const blackwell: Generation = {
  h264: [948, 708, 317, 227],
  hevc: [1119, 947, 521, 181],
  decode: { h264: 2172, hevc: 1872 },
};

/** By compute capability (CUDA C++ Programming Guide, "Compute Capabilities"); the slowest when it is not known. */
function generationOf({ major, minor }: Pick<GpuReport, 'major' | 'minor'>): Generation {
  if (major >= 10) return blackwell;
  if (major === 9) return turing; // Hopper decodes as Turing does, clock for clock, and does not encode
  if (major === 8) return minor >= 9 ? ada : ampere;
  return major === 7 ? turing : pascal;
}

const pictureOf1080 = 1920 * 1080;
/** Pictures of one session: three B pictures, a lookahead of 24, four in flight and three more (native/src/nvidia/encoder.cc). */
const ring = 35;
/** Surfaces of the decoder, 17 and 3 more for the largest buffer of H.264, and pictures mapped at once. */
const decodeSurfaces = 17 + 3 + 8;
/** Context and kernels. */
const fixedBytes = 300e6;
/** What the driver keeps for a session besides our pictures: references, and the lookahead's copies at a quarter of the size. */
const sessionPictures = 4 + 24 / 4;
const sessionBytes = 60e6;
/**
 * The tables are without lookahead and without a second pass, both of which the same engines do at a quarter of the size, and
 * without adaptive quantization. Reckoned, not measured.
 */
const extraPasses = 1 + 1 / 4 + 1 / 4;

export interface Cost {
  /** Engines, as a number of them (0.5: half of one), that decoding at the speed of the recording takes. */
  decode: number;
  encode: number;
  /** Bytes of device memory. */
  memory: number;
  /** Sessions of NVENC. */
  sessions: number;
  /** Source pictures a second that the device could do alone; null without NVENC, where the CPU sets the pace. */
  framesPerSecond: number | null;
}

function encodeRate(plan: Pick<EnginePlan, 'codec' | 'gpuPreset'>, generation: Generation): number {
  const table = generation[plan.codec];
  const place = (Number(plan.gpuPreset.slice(1)) - 1) / 2;
  const below = table[Math.floor(place)] ?? table[3];
  const above = table[Math.ceil(place)] ?? table[3];
  return (below + above) / 2;
}

/** `source`: size and codec of the video as it is stored. */
export function costOf(
  plan: Pick<EnginePlan, 'rungs' | 'codec' | 'gpuPreset' | 'frameRateNum' | 'frameRateDen' | 'bitDepth'>,
  source: { width: number; height: number; codec: string },
  gpu: GpuReport,
): Cost {
  const generation = generationOf(gpu);
  const framesPerSecond = plan.frameRateNum / plan.frameRateDen;
  const sourcePicture = (source.width * source.height) / pictureOf1080;
  const rungPictures = plan.rungs.reduce((sum, { width, height }) => sum + (width * height) / pictureOf1080, 0);
  const decodeRate = source.codec === 'hevc' ? generation.decode.hevc : generation.decode.h264;
  const perFrame = {
    decode: gpu.decode.works ? sourcePicture / decodeRate : 0,
    encode: gpu.encode.works ? (rungPictures / encodeRate(plan, generation)) * extraPasses : 0,
  };
  const bytes = 1.5 * (plan.bitDepth > 8 ? 2 : 1);
  const engines = (count: number): number => Math.max(1, count);
  return {
    decode: perFrame.decode * framesPerSecond,
    encode: perFrame.encode * framesPerSecond,
    memory:
      fixedBytes +
      (gpu.encode.works ? plan.rungs.length * sessionBytes : 0) +
      pictureOf1080 * bytes * (sourcePicture * decodeSurfaces + rungPictures * (ring + sessionPictures)),
    sessions: gpu.encode.works ? plan.rungs.length : 0,
    framesPerSecond:
      perFrame.encode > 0
        ? 1 / Math.max(perFrame.decode / engines(gpu.decode.engines), perFrame.encode / engines(gpu.encode.engines))
        : null,
  };
}

/** Whether its sessions are counted with those of all other cards of its kind. */
export const sharesSessions = ({ name }: Pick<GpuReport, 'name'>): boolean => /\bGeForce\b/i.test(name);

/** GeForce cards have so many in one system, however many cards there are (since January 2024; three before 2023). */
export const sharedSessions = 8;

/** Engines of a device, at least one of each that works. */
export const capacityOf = (gpu: GpuReport): { decode: number; encode: number; memory: number } => ({
  decode: gpu.decode.works ? Math.max(1, gpu.decode.engines) : 0,
  encode: gpu.encode.works ? Math.max(1, gpu.encode.engines) : 0,
  memory: gpu.memoryFree * 0.9,
});
