// What a process knows about its own health: whether it has started, whether what it depends on answers, and whether it
// is about to go. Alive is another matter: a process is, as long as it can say so.
import { Gauge, type Registry } from 'prom-client';

export interface Dependency {
  /** "database", "nats", "storage", "job", "ingest": also the name under which grpc.health.v1 tells of it. */
  name: string;
  /** Whether the process is of no use without it. Others are told about, but do not take the process out of service. */
  needed: boolean;
  /** Resolves when it answers. */
  ask: () => Promise<unknown>;
}

const everyMs = 1_000;
/** An answer that takes longer is none. */
const patienceMs = 3_500;

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), patienceMs);
    });
    await Promise.race([ask(), late]);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

export class Health {
  private readonly dependencies: (Dependency & { up: boolean })[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly listeners = new Set<() => void>();
  private started = false;
  private stopping = false;
  private readonly up: Gauge<'dependency'>;

  constructor(registry: Registry) {
    this.up = new Gauge({
      name: 'sortie_dependency_up',
      help: 'Whether what this process depends on answers: 1 or 0.',
      labelNames: ['dependency'],
      registers: [registry],
    });
  }

  /** Looks after a dependency from now on; resolves after the first look. */
  async watch(dependency: Dependency): Promise<void> {
    const watched = { ...dependency, up: false };
    this.dependencies.push(watched);
    const look = async (): Promise<void> => {
      const up = await answers(dependency.ask);
      this.up.set({ dependency: dependency.name }, up ? 1 : 0);
      if (up !== watched.up) {
        watched.up = up;
        this.tell();
      }
      if (this.stopping) return;
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        void look();
      }, everyMs);
      this.timers.add(timer.unref());
    };
    await look();
  }

  /** All that takes long at the start is done. */
  start(): void {
    this.started = true;
    this.tell();
  }

  /** From now on no new work should come here. */
  stop(): void {
    this.stopping = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.tell();
  }

  get hasStarted(): boolean {
    return this.started;
  }

  get ready(): boolean {
    return this.started && !this.stopping && this.dependencies.every(({ needed, up }) => up || !needed);
  }

  /** Name and answer of each dependency. */
  get state(): ReadonlyMap<string, boolean> {
    return new Map(this.dependencies.map(({ name, up }) => [name, up]));
  }

  /** Calls back on each change, and once now. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
    listener();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
