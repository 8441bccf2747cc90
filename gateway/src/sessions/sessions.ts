// Whom a token stands for, looked up at each use. A token holds as long as the record of its user is the one that it was issued
// under, so a user who was removed, has another role or another password, or has signed out, is out at once.
import type { Account, Role, User } from '@sortie/common/users';
import type { Binding, Presented, Tokens } from '../arcgis/tokens.js';
import type { Revocations } from './revocations.js';

/** Whom a request stands for, and until when. */
export interface Bearer extends User {
  /** Epoch milliseconds. */
  issued: number;
  expires: number;
  binding: Binding;
  /** Of the record; empty for users of a provider. */
  generation: string;
}

export interface SessionSettings {
  tokens: Tokens;
  /** The record of a user as it is now; null when there is none. */
  find: (username: string) => Account | null;
  revocations: Revocations;
  /** The longest life of a token, milliseconds. */
  maxMs: number;
}

export interface Issue {
  username: string;
  /** Wanted; a token never lives longer than the settings allow. */
  lifeMs: number;
  binding: Binding;
  /** Of a user of a provider: the role that it gave, and when it was asked. */
  role?: Role;
}

export interface Issued {
  token: string;
  /** Epoch milliseconds. */
  expires: number;
}

export class Sessions {
  constructor(private readonly settings: SessionSettings) {}

  get maxMinutes(): number {
    return Math.floor(this.settings.maxMs / 60_000);
  }

  /** Whether a user of this name is in our own file: no provider speaks for such a one. */
  isOurs(username: string): boolean {
    return this.settings.find(username) !== null;
  }

  issue({ username, lifeMs, binding, role }: Issue, now: number): Issued {
    const generation = role === undefined ? this.settings.find(username)?.generation : '';
    // Removed between the password and the token: the token would hold for nobody.
    if (generation === undefined) throw new Error(`There is no user ${username} to issue a token to.`);
    const expires = Math.round(now + Math.min(lifeMs, this.settings.maxMs));
    const claims = { username, generation, role: role ?? null, issued: now, expires, binding };
    return { token: this.settings.tokens.issue(claims), expires };
  }

  /** Null when it does not hold, or not any more. */
  check(token: string, presented: Presented, now: number): Bearer | null {
    const claims = this.settings.tokens.check(token, presented, now);
    if (!claims) return null;
    const { username, generation, issued, binding } = claims;
    const role = claims.role ?? this.settings.find(username)?.role;
    if (role === undefined) return null;
    // A setting that was made shorter counts for what was issued before.
    const expires = Math.min(claims.expires, issued + this.settings.maxMs);
    const bearer = { username, role, generation, issued, expires, binding };
    return this.holds(bearer, now) ? bearer : null;
  }

  /** Whether what was right a while ago still is. */
  holds({ username, generation, issued, expires }: Bearer, now: number): boolean {
    if (expires <= now || issued <= this.settings.revocations.until(username)) return false;
    // Of a user of a provider there is no record, and must be none: it would be somebody else.
    return (this.settings.find(username)?.generation ?? '') === generation;
  }

  /** Voids all that was issued to this user up to now. */
  async end({ username, issued }: Bearer, now: number): Promise<void> {
    // The clock of the gateway that issued it may be ahead of ours.
    await this.settings.revocations.revoke(username, Math.max(now, issued));
  }
}
