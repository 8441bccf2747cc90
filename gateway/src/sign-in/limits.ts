// How many wrong passwords are looked at, and from where. Computing a hash is what a guess costs us, so the count goes up before
// the hash is computed, and comes down again when the password was right.
//
// The rule, a minute at a time:
// - An address from which a user signed in rightly before is known for that user. It has a budget of its own for that user, which
//   nobody else's tries touch: whoever guesses from elsewhere, or under other names, does not keep the user out.
// - Anybody else is a stranger. Strangers have a budget for each pair of address and name, a larger one for each address over all
//   names, and one for each name over all addresses. When the last is used up, strangers are slowed and not shut out: each address
//   still has one try for that name, so that a right password opens from a new place in the middle of an attack.
// What a guesser gets is therefore bounded by the addresses that it owns, and what an honest user loses is bounded by what its own
// address does. An IPv6 address counts by its first 64 bits, the smallest network that is given to one customer (RFC 6177).
import { isIPv6 } from 'node:net';
import { Counts } from '../counts.js';

export const limits = { known: 10, pair: 10, address: 30, name: 50, slowedPair: 1 } as const;
export const windowMs = 60_000;
const knownMs = 30 * 24 * 3_600_000;
const mostKnown = 10_000;

/** A try that is being computed. */
export interface Try {
  right(): void;
}

/** A refusal, with the time after which another try is looked at. */
export interface Wait {
  waitMs: number;
}

/** The network that an address counts for. */
export function networkOf(address: string): string {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((word) => word.replace(/^0+(?=.)/, ''))
    .join(':');
}

export class Limits {
  private readonly known = new Map<string, number>();
  private readonly knownTries = new Counts(windowMs);
  private readonly pairs = new Counts(windowMs);
  private readonly addresses = new Counts(windowMs);
  private readonly names = new Counts(windowMs);

  constructor(private readonly now: () => number = Date.now) {}

  private pair(address: string, name: string): string {
    return `${networkOf(address)} ${name}`;
  }

  isKnown(address: string, name: string): boolean {
    const since = this.known.get(this.pair(address, name));
    return since !== undefined && this.now() - since < knownMs;
  }

  /** Each count that a try goes into, and how far that may go. */
  private budgets(address: string, name: string): [Counts, string, number][] {
    const pair = this.pair(address, name);
    if (this.isKnown(address, name)) return [[this.knownTries, pair, limits.known]];
    const slowed = this.names.count(name, this.now()) >= limits.name;
    return [
      [this.pairs, pair, slowed ? limits.slowedPair : limits.pair],
      [this.addresses, networkOf(address), limits.address],
    ];
  }

  /** How long to wait; 0 when a try would be looked at now. */
  waitMs(address: string, name: string): number {
    const now = this.now();
    const waits = this.budgets(address, name).map(([counts, key, most]) =>
      counts.count(key, now) >= most ? counts.leftMs(key, now) : 0,
    );
    return Math.max(...waits);
  }

  /** Takes a try out of the budgets, or says how long to wait. */
  take(address: string, name: string): Try | Wait {
    const waitMs = this.waitMs(address, name);
    if (waitMs > 0) return { waitMs };
    const now = this.now();
    const taken = this.budgets(address, name).map(([counts, key]): [Counts, string] => [counts, key]);
    // Slowed strangers go on counting, so that an attack that goes on stays slowed.
    if (!this.isKnown(address, name)) taken.push([this.names, name]);
    const backs = taken.map(([counts, key]) => counts.add(key, now));
    return {
      right: () => {
        for (const back of backs) back();
        this.remember(this.pair(address, name));
      },
    };
  }

  private remember(pair: string): void {
    this.known.delete(pair);
    this.known.set(pair, this.now());
    const [oldest] = this.known.keys();
    if (this.known.size > mostKnown && oldest !== undefined) this.known.delete(oldest);
  }
}
