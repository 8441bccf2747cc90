// What an operator can say about the engine, with its defaults.
export interface EngineSettings {
  /** `auto`: a GPU where one works; `gpu`: refuse to start without one; `cpu`: never one. */
  engine: 'auto' | 'gpu' | 'cpu';
  /** CUDA's numbers of the GPUs that may be used; null for all. */
  devices: readonly number[] | null;
  /** Preset of libx264 and libx265. */
  preset: string;
  /** Preset of NVENC: p1, the fastest, to p7. */
  gpuPreset: string;
  codec: 'h264' | 'hevc';
  /** Encoder threads of the CPU; 0 for one a core. */
  threads: number;
  /** A GPU that shows no progress for so long is given up, milliseconds. */
  gpuStallMs: number;
  /** Folders with the driver's libraries, where the system's loader does not look by itself. */
  libraryPath: string;
  /** Which GPUs CUDA shows, in its own words; empty for all. */
  visibleDevices: string;
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value);
  if (found === undefined) throw new Error(`${name} must be one of ${allowed.join(', ')}, not "${value}".`);
  return found;
}

const presets = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'] as const;

/** From environment variables; throws with the variable's name when one makes no sense. */
export function engineSettings(env: Readonly<Record<string, string | undefined>>): EngineSettings {
  const devices = env['SORTIE_GPU_DEVICE'] ?? '';
  if (!/^(\d+(,\d+)*)?$/.test(devices)) throw new Error('SORTIE_GPU_DEVICE takes numbers with commas between, as 0,1.');
  return {
    engine: oneOf('SORTIE_ENGINE', env['SORTIE_ENGINE'] ?? 'auto', ['auto', 'gpu', 'cpu']),
    devices: devices === '' ? null : devices.split(',').map(Number),
    preset: env['SORTIE_PRESET'] ?? 'fast',
    gpuPreset: oneOf('SORTIE_GPU_PRESET', env['SORTIE_GPU_PRESET'] ?? 'p5', presets),
    codec: oneOf('SORTIE_VIDEO_CODEC', env['SORTIE_VIDEO_CODEC'] ?? 'h264', ['h264', 'hevc']),
    threads: Number(env['SORTIE_THREADS'] ?? 0),
    gpuStallMs: Number(env['SORTIE_GPU_STALL_SECONDS'] ?? 30) * 1000,
    libraryPath: env['LD_LIBRARY_PATH'] ?? '',
    visibleDevices: env['CUDA_VISIBLE_DEVICES'] ?? '',
  };
}
