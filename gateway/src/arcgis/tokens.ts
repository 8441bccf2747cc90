// Tokens: signed, expiring, bound to a referer or an address when asked. Nothing is stored; any gateway with the same
// key takes them.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { roles, type Role, type User } from '@sortie/common/users';

export const defaultMinutes = 60;
export const maxMinutes = 525_600;

/** What a token is tied to. */
export type Binding = { kind: 'none' } | { kind: 'referer'; value: string } | { kind: 'ip'; value: string };

interface Payload {
  u: string;
  r: Role;
  /** Epoch milliseconds. */
  x: number;
  b: Binding;
}

/** What a request shows beside its token. */
export interface Presented {
  referer: string;
  ip: string;
}

/** Whom a token stands for, and until when. */
export interface Bearer extends User {
  /** Epoch milliseconds. */
  expires: number;
}

const maxLength = 4096;

export class Tokens {
  constructor(private readonly key: Buffer) {
    if (key.length < 32) throw new Error('The token key must have at least 32 bytes.');
  }

  private sign(text: string): Buffer {
    return createHmac('sha256', this.key).update(text).digest();
  }

  issue(user: User, expires: number, binding: Binding): string {
    const payload: Payload = { u: user.username, r: user.role, x: expires, b: binding };
    const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
    return `${text}.${this.sign(text).toString('base64url')}`;
  }

  /** Null when forged, expired, or shown by somebody whom it was not given to. */
  check(token: string, presented: Presented, now: number): Bearer | null {
    const [text = '', signature = '', rest] = token.length <= maxLength ? token.split('.') : [];
    const given = Buffer.from(signature, 'base64url');
    const expected = this.sign(text);
    if (rest !== undefined || given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    const {
      u: username,
      r: role,
      x: expires,
      b: binding,
    } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Payload;
    if (expires <= now || !roles.includes(role)) return null;
    if (binding.kind === 'ip' && !sameAddress(binding.value, presented.ip)) return null;
    if (binding.kind === 'referer' && !sameReferer(binding.value, presented.referer)) return null;
    return { username, role, expires };
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
