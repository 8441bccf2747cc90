// Which GPU a job gets, and when: jobs wait for room rather than fail for want of it.
import type { GpuReport } from '@sortie/native';
import { capacityOf, sharedSessions, sharesSessions, type Cost } from './cost.js';

export interface Reservation {
  device: number;
  cost: Cost;
}

const used = (reservations: readonly Reservation[], device: number, of: 'decode' | 'encode' | 'memory'): number =>
  reservations.filter((held) => held.device === device).reduce((sum, { cost }) => sum + cost[of], 0);

/** Whether the card's kind has sessions left, over all cards. */
function sessionsLeft(
  gpus: readonly GpuReport[],
  gpu: GpuReport,
  cost: Cost,
  reservations: readonly Reservation[],
): boolean {
  if (!sharesSessions(gpu)) return true;
  const sharing = new Set(gpus.filter(sharesSessions).map(({ device }) => device));
  const held = reservations
    .filter(({ device }) => sharing.has(device))
    .reduce((sum, { cost: { sessions } }) => sum + sessions, 0);
  // Alone, a job with more rungs than sessions has the others encoded on the CPU.
  return held === 0 || held + cost.sessions <= sharedSessions;
}

/**
 * The device with most room among those where the job fits beside what runs there, so that each still keeps up with its
 * recording. A device without any job takes whatever comes: what is too much for it would wait for ever. Null: wait.
 */
export function choose(
  gpus: readonly GpuReport[],
  costs: ReadonlyMap<number, Cost>,
  reservations: readonly Reservation[],
): number | null {
  let best: { device: number; load: number } | null = null;
  for (const gpu of gpus) {
    const cost = costs.get(gpu.device);
    if (!cost) continue;
    const capacity = capacityOf(gpu);
    const load = (of: 'decode' | 'encode' | 'memory'): number =>
      capacity[of] > 0 ? (used(reservations, gpu.device, of) + cost[of]) / capacity[of] : 0;
    const most = Math.max(load('decode'), load('encode'), load('memory'));
    const idle = !reservations.some((held) => held.device === gpu.device);
    if ((!idle && most > 1) || !sessionsLeft(gpus, gpu, cost, reservations)) continue;
    if (!best || most < best.load) best = { device: gpu.device, load: most };
  }
  return best?.device ?? null;
}

/** The GPUs of one worker process and what its jobs hold of them. */
export class GpuPool {
  private readonly reservations: Reservation[] = [];
  private readonly waiting = new Set<() => void>();

  constructor(readonly gpus: readonly GpuReport[]) {}

  /** Waits for room; first come, first served as far as it fits. Rejects with the signal's reason. */
  async reserve(
    costFor: (gpu: GpuReport) => Cost,
    signal: AbortSignal,
  ): Promise<{ gpu: GpuReport; cost: Cost; release: () => void }> {
    const costs = new Map(this.gpus.map((gpu) => [gpu.device, costFor(gpu)]));
    for (;;) {
      signal.throwIfAborted();
      const device = choose(this.gpus, costs, this.reservations);
      const gpu = this.gpus.find((candidate) => candidate.device === device);
      const cost = device === null ? undefined : costs.get(device);
      if (gpu && cost) {
        const held: Reservation = { device: gpu.device, cost };
        this.reservations.push(held);
        return { gpu, cost, release: () => this.release(held) };
      }
      await this.change(signal);
    }
  }

  private release(held: Reservation): void {
    const index = this.reservations.indexOf(held);
    if (index < 0) return;
    this.reservations.splice(index, 1);
    for (const wake of this.waiting) wake();
  }

  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
