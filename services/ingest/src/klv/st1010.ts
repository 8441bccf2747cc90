// MISB ST 1010: standard deviations and correlation coefficients of items that stand before it, as a floating-length pack.
import { readTag, writeTag } from './ber.js';
import type { Field } from './pack.js';
import { mappingsOf, readImapb, writeImapb } from './st1201.js';

export interface Uncertainty {
  /** Number of items that it speaks of: the last ones before it. */
  members: number;
  sigma: (number | null)[];
  /** Upper triangle, row by row; 0 where a sparse pack leaves one out. */
  rho: (number | null)[];
  sigmaBytes: number;
  rhoBytes: number;
  sparse: boolean;
}

const mostMembers = 64;
const correlation = mappingsOf(-1, 1);

export const uncertainty: Field = {
  read: (bytes, start, end) => {
    const size = readTag(bytes, start, end);
    if (!size || size.value > mostMembers || size.next >= end) return null;
    const members = size.value;
    let at = size.next;
    const control = bytes[at++] ?? 0;
    const long = (control & 0x80) !== 0;
    // Parse control: three bits for the coefficients' length; the deviations' in the same byte, or in a second one.
    const rhoBytes = (control >> 4) & 7;
    const sparse = (control & (long ? 2 : 8)) !== 0;
    const sigmaBytes = long ? (bytes[at++] ?? 0) & 0x0f : control & 7;
    const pairs = (members * (members - 1)) / 2;
    const present: boolean[] = Array.from({ length: pairs }, () => true);
    if (sparse && rhoBytes > 0) {
      for (let index = 0; index < pairs; index++)
        present[index] = (((bytes[at + (index >> 3)] ?? 0) >> (7 - (index & 7))) & 1) === 1;
      at += Math.ceil(pairs / 8);
    }
    const count = rhoBytes > 0 ? present.filter(Boolean).length : 0;
    if (at + members * sigmaBytes + count * rhoBytes !== end || rhoBytes > 8) return null;
    if (sigmaBytes !== 0 && sigmaBytes !== 4 && sigmaBytes !== 8) return null;
    const value: Uncertainty = { members, sigma: [], rho: [], sigmaBytes, rhoBytes, sparse };
    for (let index = 0; index < members && sigmaBytes > 0; index++, at += sigmaBytes)
      value.sigma.push(sigmaBytes === 4 ? bytes.readFloatBE(at) : bytes.readDoubleBE(at));
    for (let index = 0; index < pairs && rhoBytes > 0; index++) {
      if (!present[index]) value.rho.push(0);
      else {
        value.rho.push(readImapb(bytes, at, at + rhoBytes, correlation));
        at += rhoBytes;
      }
    }
    return { value, next: end };
  },
  write: (given) => {
    const { members, sigma, rho, sigmaBytes, rhoBytes, sparse } = given as Uncertainty;
    const map = Buffer.alloc(sparse && rhoBytes > 0 ? Math.ceil(rho.length / 8) : 0);
    if (sparse)
      rho.forEach((one, index) => one !== 0 && (map[index >> 3] = (map[index >> 3] ?? 0) | (0x80 >> (index & 7))));
    const deviations = sigma.map((one) => {
      const bytes = Buffer.alloc(sigmaBytes);
      if (sigmaBytes === 4) bytes.writeFloatBE(one ?? NaN);
      else bytes.writeDoubleBE(one ?? NaN);
      return bytes;
    });
    const coefficients = rho
      .filter((one) => !sparse || one !== 0)
      .map((one) => writeImapb(one ?? NaN, -1, 1, rhoBytes));
    const control = Buffer.from([0x80 | (rhoBytes << 4) | (sparse ? 2 : 0) | 1, sigmaBytes]);
    return Buffer.concat([writeTag(members), control, map, ...deviations, ...coefficients]);
  },
};
