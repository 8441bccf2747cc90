// The gateway's word for who the user is, signed (Ed25519, RFC 8032), so that nobody else can speak for users. It lives a minute or
// two: longer than a call takes to arrive, shorter than anybody could make use of it elsewhere.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';

export interface Statement {
  username: string;
  administrator: boolean;
}

interface Payload {
  u: string;
  a: boolean;
  /** Epoch milliseconds. */
  x: number;
}

const lifeMs = 120_000;
const longest = 2_048;

export function writeStatement(
  { username, administrator }: Statement,
  privateKey: string | Buffer,
  now: number,
): string {
  const payload: Payload = { u: username, a: administrator, x: now + lifeMs };
  const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
  return `${text}.${sign(null, Buffer.from(text), createPrivateKey(privateKey)).toString('base64url')}`;
}

/** PEM, by the names of the files that they stand in. */
export function newStatementKeys(): { 'statement.key': string; 'statement.pub': string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { 'statement.key': privateKey, 'statement.pub': publicKey };
}

const keyForm = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;

/** All keys of a PEM file: while one is replaced, the old one and the new one. */
export const readPublicKeys = (pem: string): KeyObject[] =>
  (pem.match(keyForm) ?? []).map((key) => createPublicKey(key));

/** Null when it is forged or over. */
export function readStatement(text: string, keys: readonly KeyObject[], now: number): Statement | null {
  const [body = '', signature = '', rest] = text.length <= longest ? text.split('.') : [];
  if (rest !== undefined || body === '') return null;
  const given = Buffer.from(signature, 'base64url');
  if (!keys.some((key) => verify(null, Buffer.from(body), key, given))) return null;
  const { u, a, x } = JSON.parse(Buffer.from(body, 'base64url').toString()) as Payload;
  // Clocks of two machines differ by less than it lives: one from the future is none of ours.
  return x > now && x <= now + 2 * lifeMs ? { username: u, administrator: a } : null;
}
