// What a worker measures: what it is doing, and how fast its engine is.
import type { EngineResult } from '@sortie/native';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { isWhole, type Confinement } from '../confined/state.js';

export interface WorkerMetrics {
  running: Gauge;
  attempts: Counter<'outcome'>;
  /** Notes how fast a transcode was. */
  transcoded(result: Pick<EngineResult, 'duration' | 'rungs'>, elapsedSeconds: number): void;
}

export interface Measured {
  jobs: number;
  gpus: number;
  confinement: Confinement;
}

export function workerMetrics(registry: Registry, { jobs, gpus, confinement }: Measured): WorkerMetrics {
  const registers = [registry];
  new Gauge({ name: 'sortie_worker_capacity', help: 'Jobs that this worker takes at once.', registers }).set(jobs);
  new Gauge({ name: 'sortie_worker_gpus', help: 'GPUs that this worker uses.', registers }).set(gpus);
  const confined = new Gauge({
    name: 'sortie_worker_confined',
    help: 'Whether what reads strangers’ files is confined in full (1) or runs without a part of it (0); by what is in force.',
    labelNames: ['landlock', 'truncate', 'network', 'signals', 'seccomp', 'capabilities', 'best_effort'],
    registers,
  });
  const { landlock, truncate, network, signals, seccomp, capabilities, bestEffort } = confinement;
  confined.set(
    { landlock, truncate, network, signals, seccomp: String(seccomp), capabilities, best_effort: String(bestEffort) },
    Number(isWhole(confinement)),
  );
  const running = new Gauge({ name: 'sortie_worker_jobs', help: 'Jobs that this worker works on now.', registers });
  const attempts = new Counter({
    name: 'sortie_worker_attempts_total',
    help: 'Attempts of this worker that have ended, by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const fps = new Histogram({
    name: 'sortie_transcode_frames_per_second',
    help: 'Frames encoded a second, by what encoded the rung (gpu, cpu). All rungs are made in one pass.',
    labelNames: ['engine', 'rung'],
    buckets: [5, 10, 20, 30, 60, 120, 240, 480, 960],
    registers,
  });
  const realtime = new Histogram({
    name: 'sortie_transcode_realtime_factor',
    help: 'Seconds of video transcoded a second, by what encoded the rung (gpu, cpu).',
    labelNames: ['engine', 'rung'],
    buckets: [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32],
    registers,
  });
  return {
    running,
    attempts,
    transcoded: ({ duration, rungs }, elapsedSeconds) => {
      for (const { name, encoder, frames } of rungs) {
        const labels = { engine: encoder === 'NVENC' ? 'gpu' : 'cpu', rung: name };
        fps.observe(labels, frames / elapsedSeconds);
        realtime.observe(labels, duration / elapsedSeconds);
      }
    },
  };
}
