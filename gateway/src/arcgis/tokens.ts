// Tokens: signed, expiring, bound to a referer or an address when asked. Nothing is stored; any gateway with the same keys takes
// them. What a token says of its user is looked up at each use, see sessions/sessions.ts.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { roles, type Role } from '@sortie/common/users';
// lru-cache: bounded, which Map is not.
import { LRUCache } from 'lru-cache';

export const defaultMinutes = 60;

/** What a token is tied to. */
export type Binding = { kind: 'none' } | { kind: 'referer'; value: string } | { kind: 'ip'; value: string };

/** What a token says; short names, because it travels in addresses. */
interface Payload {
  /** Username. */
  u: string;
  /** Generation of the user's record; that of users of a provider is empty, and their role is here. */
  g: string;
  r?: Role;
  /** Issued and expiring, epoch milliseconds. */
  i: number;
  x: number;
  b: Binding;
}

export interface Claims {
  username: string;
  generation: string;
  /** Of a user who is in no file of ours, as the provider told it. */
  role: Role | null;
  /** Epoch milliseconds. */
  issued: number;
  expires: number;
  binding: Binding;
}

/** What a request shows beside its token. */
export interface Presented {
  referer: string;
  ip: string;
}

const maxLength = 4096;
const shortestKey = 32;

/** Keys as they are now; the first one signs, all of them verify. */
export type Keys = () => readonly Buffer[];

export function checkKeys(keys: readonly Buffer[]): readonly Buffer[] {
  if (keys.length === 0) throw new Error('There is no token key; write 32 or more random bytes.');
  if (keys.some(({ length }) => length < shortestKey)) {
    throw new Error(`A token key must have at least ${shortestKey} bytes.`);
  }
  return keys;
}

const signatureOf = (text: string, key: Buffer): string => createHmac('sha256', key).update(text).digest('base64url');

const isSame = (given: Buffer, expected: Buffer): boolean =>
  given.length === expected.length && timingSafeEqual(given, expected);

/** A token whose signature was found right. */
interface Verified {
  /** Those that it was verified by: others have to do it again. */
  keys: readonly Buffer[];
  signature: Buffer;
  payload: Partial<Payload>;
}

const remembered = 10_000;

export class Tokens {
  /** By their text. A client shows the same token with each request; what changes, its time and its user, is looked at each time. */
  private readonly verified = new LRUCache<string, Verified>({ max: remembered });

  constructor(private readonly keys: Keys) {
    checkKeys(keys());
  }

  issue({ username, generation, role, issued, expires, binding }: Claims): string {
    const whose = role === null ? {} : { r: role };
    const payload: Payload = { u: username, g: generation, ...whose, i: issued, x: expires, b: binding };
    const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
    const [newest = Buffer.alloc(0)] = checkKeys(this.keys());
    return `${text}.${signatureOf(text, newest)}`;
  }

  /** Compares the text of signatures: of base64url, several texts stand for the same bytes (RFC 4648 section 3.5). */
  private payloadOf(text: string, signature: string): Partial<Payload> | null {
    const keys = this.keys();
    const given = Buffer.from(signature);
    const known = this.verified.get(text);
    if (known?.keys === keys) return isSame(given, known.signature) ? known.payload : null;
    if (!keys.some((key) => isSame(given, Buffer.from(signatureOf(text, key))))) return null;
    const payload = JSON.parse(Buffer.from(text, 'base64url').toString()) as Partial<Payload>;
    this.verified.set(text, { keys, signature: given, payload });
    return payload;
  }

  /** Null when forged, expired, or shown by somebody whom it was not given to. */
  check(token: string, presented: Presented, now: number): Claims | null {
    const [text = '', signature = '', rest] = token.length <= maxLength ? token.split('.') : [];
    const payload = rest === undefined ? this.payloadOf(text, signature) : null;
    if (!payload) return null;
    const { u, g, r, i, x, b } = payload;
    // Tokens of earlier versions do not say when they were issued: whoever has one signs in again.
    if (u === undefined || g === undefined || i === undefined || x === undefined || b === undefined) return null;
    if (x <= now || (r !== undefined && !roles.includes(r))) return null;
    if (b.kind === 'ip' && !sameAddress(b.value, presented.ip)) return null;
    if (b.kind === 'referer' && !sameReferer(b.value, presented.referer)) return null;
    return { username: u, generation: g, role: r ?? null, issued: i, expires: x, binding: b };
  }
}

/** ::ffff:127.0.0.1 is 127.0.0.1 (RFC 4291 section 2.5.5.2). */
const plainAddress = (address: string): string => address.replace(/^::ffff:/i, '');
const sameAddress = (a: string, b: string): boolean => plainAddress(a) === plainAddress(b);

/** The bound text itself, or a URL below it: clients send both. */
function sameReferer(bound: string, referer: string): boolean {
  if (referer === bound) return true;
  const prefix = bound.endsWith('/') ? bound : `${bound}/`;
  return /^https?:\/\//.test(bound) && referer.startsWith(prefix);
}
