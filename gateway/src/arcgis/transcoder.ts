// What `self` tells about the workers: who transcodes, on what, and why not on a GPU.
import type { Confinement, Gpu, GpuTrial, Worker } from '@sortie/common/gen/sortie/job/v1/job';

interface Use {
  works: boolean;
  reason: string;
  codecs: string[];
}

export interface Transcoder {
  name: string;
  /** "gpu" when NVENC encodes, "mixed" when a GPU decodes and scales for the CPU, else "cpu". */
  engine: 'gpu' | 'mixed' | 'cpu';
  driver: string;
  /** Why there is no GPU at all; empty when there is one. */
  reason: string;
  /** How what reads strangers' files is confined there; null when the worker does not tell. */
  confinement: Confinement | null;
  gpus: { device: number; name: string; used: boolean; decode: Use; scale: Use; encode: Use }[];
}

const use = (trial: GpuTrial | undefined): Use => ({
  works: trial?.works ?? false,
  reason: trial?.reason ?? '',
  codecs: trial?.codecs ?? [],
});

function engineOf(gpus: readonly Gpu[]): Transcoder['engine'] {
  const used = gpus.filter((gpu) => gpu.used);
  if (used.some((gpu) => gpu.encode?.works)) return 'gpu';
  return used.length > 0 ? 'mixed' : 'cpu';
}

export const transcoderOf = ({ name, driver, gpuReason, confinement, gpus }: Worker): Transcoder => ({
  name,
  engine: engineOf(gpus),
  driver,
  reason: gpuReason,
  confinement: confinement ?? null,
  gpus: gpus.map((gpu) => ({
    device: gpu.device,
    name: gpu.name,
    used: gpu.used,
    decode: use(gpu.decode),
    scale: use(gpu.scale),
    encode: use(gpu.encode),
  })),
});
