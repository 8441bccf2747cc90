// What the GPUs of this machine can do, found out by trying, and told in words that say what to do.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import type { Logger } from '@sortie/common/log';
import type { GpuReport, Preflight } from '@sortie/native';
import { tryGpus } from '../engine/engine.js';
import type { EngineSettings } from './settings.js';
import { tryGpusUnconfined } from './unconfined.js';

export interface FoundGpus extends Preflight {
  /** Those that are allowed and can do a part of the work: decode or encode. */
  usable: GpuReport[];
}

const none = (reason: string): FoundGpus => ({ driver: '', cuda: 0, reason, gpus: [], usable: [] });

const isUsable = ({ scale, decode, encode }: GpuReport): boolean => scale.works && (decode.works || encode.works);

/** Throws UNAVAILABLE when the operator wants a GPU and none works. `directory`: for the trial's own files. */
export async function findGpus(
  settings: EngineSettings,
  directory: string,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<FoundGpus> {
  if (settings.engine === 'cpu') return none('switched off (SORTIE_ENGINE=cpu)');
  const found = await tryAll(settings, directory, log);
  for (const gpu of found.gpus) log.info({ gpu }, isUsable(gpu) ? 'GPU works' : 'GPU does not work');
  if (found.usable.length === 0) {
    log.info({ reason: found.reason }, 'no GPU is used');
    if (settings.engine === 'gpu') {
      throw new SortieError('UNAVAILABLE', `SORTIE_ENGINE is gpu, and no GPU works: ${reasonOf(found)}.`);
    }
  }
  return found;
}

async function tryAll(
  settings: EngineSettings,
  directory: string,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<FoundGpus> {
  const scratch = await mkdtemp(join(directory, 'preflight-'));
  try {
    const preflight = await tryGpus(scratch, settings, (line) => log.info({ engine: line }, 'the media engine says'));
    if (hasDriver(preflight) && preflight.reason !== '')
      preflight.reason += outcomeOutside(await tryGpusUnconfined(settings));
    const usable = preflight.gpus.filter(
      (gpu) => isUsable(gpu) && (settings.devices === null || settings.devices.includes(gpu.device)),
    );
    return { ...preflight, usable };
  } catch (error) {
    // A driver that takes the process down with it.
    log.warn({ err: error }, 'the trial of the GPUs failed');
    return none(`the trial ended badly: ${SortieError.from(error).message}`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Whether there is a driver, be it one that does not start. */
const hasDriver = ({ cuda }: Preflight): boolean => cuda > 0;

/** What a trial without the sandbox says about one that failed in it. */
function outcomeOutside(outside: Preflight | null): string {
  if (outside === null) return '';
  return outside.reason === ''
    ? '. Outside of the sandbox it works: the sandbox keeps something from this driver that it needs; report it with the version of the driver'
    : '. It is the same outside of the sandbox';
}

/** Why nothing can be used: the driver's absence, or what each card lacks. */
export function reasonOf({ reason, gpus }: Preflight): string {
  if (reason !== '') return reason;
  return gpus
    .map(({ device, name, decode, scale, encode }) => {
      const why = [decode, scale, encode].filter(({ works }) => !works).map((trial) => trial.reason);
      return `GPU ${device} (${name}): ${why.length > 0 ? [...new Set(why)].join('; ') : 'not allowed by SORTIE_GPU_DEVICE'}`;
    })
    .join(' · ');
}

/** One line for each card and each use of it. */
export function* describeGpus(preflight: Preflight): Generator<string> {
  const { driver, cuda, reason, gpus } = preflight;
  if (reason !== '') {
    yield `No GPU: ${reason}.`;
    return;
  }
  yield `Driver ${driver === '' ? 'of unknown version' : driver}, CUDA ${Math.floor(cuda / 1000)}.${(cuda % 1000) / 10}`;
  for (const gpu of gpus) {
    const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
    yield `GPU ${gpu.device}: ${gpu.name}, compute capability ${gpu.major}.${gpu.minor}, ${gib(gpu.memoryFree)} of ${gib(gpu.memoryTotal)} GiB free`;
    const uses = [
      ['decode (NVDEC)', gpu.decode],
      ['scale', gpu.scale],
      ['encode (NVENC)', gpu.encode],
    ] as const;
    for (const [use, { works, reason: why, codecs, engines }] of uses) {
      const what = [codecs.join(', '), engines > 0 ? `${engines} engine${engines === 1 ? '' : 's'}` : ''];
      yield `  ${use.padEnd(15)} ${works ? ['works', ...what].filter((word) => word !== '').join('; ') : `does not work: ${why}`}`;
    }
  }
}
