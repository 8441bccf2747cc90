// How much one user may store, and how many uploads of one user may come in at once.
import { SortieError } from '@sortie/common/errors';
import type { File } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { limitOf } from '@sortie/common/limits';
import type { Usage } from './usage.js';

export interface UserLimits {
  /** Of uploads and layers together. */
  storedBytes: number;
  /** In one process. */
  uploads: number;
}

export const defaultLimits: UserLimits = { storedBytes: Infinity, uploads: 20 };

export const userLimits = (env: NodeJS.ProcessEnv): UserLimits => ({
  storedBytes: limitOf(env, 'SORTIE_MAX_STORED_BYTES', defaultLimits.storedBytes),
  uploads: limitOf(env, 'SORTIE_MAX_UPLOADS', defaultLimits.uploads),
});

/** An upload that comes in. */
export interface Incoming {
  /** So many bytes have come. Throws LIMIT_REACHED when they are more than the user has room for. */
  grow(sizeBytes: number): void;
  end(): void;
}

const soonSeconds = 30;
const laterSeconds = 3_600;

const full = (owner: string, { storedBytes }: UserLimits, used: number): SortieError =>
  new SortieError(
    'LIMIT_REACHED',
    `${owner} has ${used} bytes stored, and the limit for one user is ${storedBytes}. Try again when something of it was removed, or ask the operator for more.`,
    { retryAfterSeconds: laterSeconds },
  );

export class Admission {
  /** Bytes that have come in of each user's uploads under way, one entry for each upload. */
  private readonly incoming = new Map<string, Set<{ sizeBytes: number }>>();

  constructor(
    private readonly limits: UserLimits,
    private readonly usage: Pick<Usage, 'of' | 'note'>,
  ) {}

  private get countsBytes(): boolean {
    return this.limits.storedBytes !== Infinity;
  }

  private comingIn(owner: string): number {
    return [...(this.incoming.get(owner) ?? [])].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** It is stored, and counts before the next look at the storage. */
  note(file: File): void {
    if (this.countsBytes) this.usage.note(file);
  }

  /** Throws LIMIT_REACHED when the user has no room left. */
  async checkRoom(owner: string): Promise<void> {
    if (!this.countsBytes) return;
    const used = await this.usage.of(owner);
    if (used >= this.limits.storedBytes) throw full(owner, this.limits, used);
  }

  /** An upload of the user begins. Throws LIMIT_REACHED when as many come in already as may, or when there is no room. */
  async begin(owner: string): Promise<Incoming> {
    await this.checkRoom(owner);
    const used = this.countsBytes ? await this.usage.of(owner) : 0;
    const others = this.incoming.get(owner) ?? new Set();
    if (others.size >= this.limits.uploads) {
      throw new SortieError(
        'LIMIT_REACHED',
        `${this.limits.uploads} uploads of ${owner} are under way, which is the limit for one user. Try again when one of them has ended.`,
        { retryAfterSeconds: soonSeconds },
      );
    }
    const own = { sizeBytes: 0 };
    this.incoming.set(owner, others.add(own));
    return {
      grow: (sizeBytes) => {
        own.sizeBytes = sizeBytes;
        if (!this.countsBytes) return;
        const all = used + this.comingIn(owner);
        if (all > this.limits.storedBytes) throw full(owner, this.limits, all);
      },
      end: () => {
        others.delete(own);
        if (others.size === 0 && this.incoming.get(owner) === others) this.incoming.delete(owner);
      },
    };
  }
}
