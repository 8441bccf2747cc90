// What the engine answers. It has decoded a stranger's bytes and may be in a stranger's hands: paths are those that follow
// from the plan, numbers lie within bounds, texts are short, and any other answer is refused.
import { SortieError } from '@sortie/common/errors';
import type {
  AudioPlan,
  AudioResult,
  EnginePlan,
  EngineProgress,
  EngineResult,
  GpuTrial,
  Preflight,
  RungPlan,
  RungResult,
  Segment,
  VerifiedSegment,
  VerifyPlan,
} from '@sortie/native';
import { Fields } from '../confined/fields.js';
import { initPathIn, rungDirectory, segmentPathIn } from './layout.js';

/** Ten years: media times of recordings that a broken clock has stretched stay far below. */
const mostSeconds = 10 * 366 * 86_400;
/** 64 bits of ticks (ISO 14496-12), and what the sum of two of them may come to. */
const mostTicks = 2 ** 64;
/** A day of two-second groups is 43,200; a picture every few milliseconds that is a group of its own is no video. */
const mostSegments = 1_000_000;
const mostJumps = 100_000;
const mostFileBytes = 2 ** 40;
const mostWarnings = 64;
const longestWarning = 1_000;
const mostTiles = 10_000;
const mostRate = 1e9;
const longestName = 200;
const mostGpus = 64;
const mostCodecs = 64;
const mostEngines = 1_000;

const malformed = (field: string): SortieError =>
  new SortieError('ENGINE_CRASHED', `The media engine gave an answer that makes no sense (${field.slice(0, 100)}).`);

const read = (value: unknown): Fields => new Fields(value, malformed);

function segmentsIn(fields: Fields, directory: string): Segment[] {
  return fields.list(
    'segments',
    mostSegments,
    (segment, index) => ({
      path: segment.same('path', segmentPathIn(directory, index)),
      bytes: segment.count('bytes', mostFileBytes, 1),
      start: segment.number('start', -mostSeconds, mostSeconds),
      duration: segment.number('duration', 0, mostSeconds),
    }),
    1,
  );
}

const filesIn = (fields: Fields, directory: string): Pick<RungResult, 'initPath' | 'initBytes' | 'segments'> => ({
  initPath: fields.same('initPath', initPathIn(directory)),
  initBytes: fields.count('initBytes', mostFileBytes, 1),
  segments: segmentsIn(fields, directory),
});

const rungOf = (fields: Fields, { name, width, height }: RungPlan, mostFrames: number): RungResult => ({
  name: fields.same('name', name),
  width: fields.same('width', width),
  height: fields.same('height', height),
  // RFC 6381: they stand in playlists.
  codecs: fields.form('codecs', /^(?:avc1|hvc1)(?:\.[0-9A-Za-z]{1,16}){1,10}$/),
  encoder: fields.oneOf('encoder', ['NVENC', 'libx264', 'libx265']),
  frames: fields.count('frames', mostFrames),
  ...filesIn(fields, rungDirectory(name)),
});

/** The track of the plan that this one is; those that could not be decoded are left out, the others keep their order. */
function audioOf(fields: Fields, left: AudioPlan[]): AudioResult {
  const stream = fields.oneOf(
    'stream',
    left.map((plan) => plan.stream),
  );
  const at = left.findIndex((plan) => plan.stream === stream);
  const [plan] = left.splice(0, at + 1).slice(at);
  if (!plan) throw malformed('stream');
  return {
    stream,
    directory: fields.same('directory', plan.directory),
    codecs: fields.form('codecs', /^mp4a\.40\.[0-9]{1,2}$/),
    channels: fields.count('channels', plan.channels, 1),
    sampleRate: fields.same('sampleRate', plan.sampleRate),
    ...filesIn(fields, plan.directory),
  };
}

export function readEngineResult(value: unknown, plan: EnginePlan): EngineResult {
  const fields = read(value);
  const mostFrames = 2 * plan.maxFrames;
  const left = [...plan.audio];
  return {
    engine: fields.oneOf('engine', plan.device === null ? ['cpu'] : ['cpu', 'gpu']),
    decoder: fields.form('decoder', /^[A-Za-z0-9 ._-]{1,64}$/),
    framesDecoded: fields.count('framesDecoded', mostFrames),
    framesEncoded: fields.count('framesEncoded', mostFrames),
    decodeErrors: fields.count('decodeErrors', Number.MAX_SAFE_INTEGER),
    duration: fields.number('duration', 0, mostSeconds),
    originPts90k: fields.number('originPts90k', -mostTicks, mostTicks),
    clockJumps: fields.list('clockJumps', mostJumps, (jump) => ({
      mediaTime: jump.number('mediaTime', -mostSeconds, mostSeconds),
      pts90k: jump.number('pts90k', -mostTicks, mostTicks),
    })),
    rungs: fields.list(
      'rungs',
      plan.rungs.length,
      (rung, index) => {
        const wanted = plan.rungs[index];
        if (!wanted) throw malformed('rungs');
        return rungOf(rung, wanted, mostFrames);
      },
      plan.rungs.length,
    ),
    audio: fields.list('audio', plan.audio.length, (track) => audioOf(track, left)),
    posterTime: fields.orNull('posterTime', (field) => fields.number(field, -mostSeconds, mostSeconds)),
    previewInterval: fields.number('previewInterval', 0, mostSeconds),
    previewRows: fields.count('previewRows', mostTiles),
    previewTimes: fields.numbers('previewTimes', mostTiles, -mostSeconds, mostSeconds),
    warnings: fields.texts('warnings', mostWarnings, longestWarning),
    gpuWarnings: fields.texts('gpuWarnings', mostWarnings, longestWarning),
  };
}

/** Null for what is no progress: a step of the verification, or the word of a child that was taken over. */
export function readProgress(value: unknown): EngineProgress | null {
  if (value === null) return null;
  try {
    const fields = read(value);
    return {
      engine: fields.oneOf('engine', ['cpu', 'gpu']),
      frames: fields.count('frames', Number.MAX_SAFE_INTEGER),
      fps: fields.number('fps', 0, mostRate),
      mediaTime: fields.number('mediaTime', -mostSeconds, mostSeconds),
      inputBytes: fields.number('inputBytes', 0, Number.MAX_SAFE_INTEGER),
    };
  } catch {
    return null;
  }
}

export function readVerified(value: unknown, plans: readonly VerifyPlan[]): VerifiedSegment[][] {
  if (!Array.isArray(value) || value.length !== plans.length) throw malformed('the answer');
  return plans.map(({ segments }, index) =>
    read({ segments: value[index] as unknown }).list(
      'segments',
      segments.length,
      (segment, at) => ({
        path: segment.same('path', segments[at] ?? ''),
        frames: segment.count('frames', Number.MAX_SAFE_INTEGER),
        firstPts: segment.number('firstPts', -mostSeconds, mostSeconds),
        lastPts: segment.number('lastPts', -mostSeconds, mostSeconds),
        endPts: segment.number('endPts', -mostSeconds, mostSeconds),
        startsWithIdr: segment.boolean('startsWithIdr'),
        error: segment.orNull('error', (field) => segment.text(field, longestWarning)),
      }),
      segments.length,
    ),
  );
}

const trialIn = (fields: Fields): GpuTrial => ({
  works: fields.boolean('works'),
  reason: fields.text('reason', longestWarning),
  codecs: fields.texts('codecs', mostCodecs, longestName),
  engines: fields.count('engines', mostEngines),
});

export function readPreflight(value: unknown): Preflight {
  const fields = read(value);
  return {
    driver: fields.text('driver', longestName),
    cuda: fields.count('cuda', 1_000_000),
    reason: fields.text('reason', longestWarning),
    gpus: fields.list('gpus', mostGpus, (gpu) => ({
      device: gpu.count('device', 1_000),
      name: gpu.text('name', longestName),
      major: gpu.count('major', 1_000),
      minor: gpu.count('minor', 1_000),
      memoryFree: gpu.count('memoryFree', Number.MAX_SAFE_INTEGER),
      memoryTotal: gpu.count('memoryTotal', Number.MAX_SAFE_INTEGER),
      decode: trialIn(gpu.part('decode')),
      scale: trialIn(gpu.part('scale')),
      encode: trialIn(gpu.part('encode')),
    })),
  };
}
