// Where an aircraft's subtitle says that it was. Makers write the two numbers in two orders, and nothing in the numbers tells
// which for most of the Earth: the maker's form does, or a number that can be no latitude. Where neither does, there is no
// place: a wrong one on a map is worse than none.
import { isAbsent, numberOf } from './number.js';

export type Order = 'latitude first' | 'longitude first';

/** Two numbers in brackets: "GPS(149.0251,-20.2533,16)", "GPS(W: 97.621475, N: 30.214199, 161)". */
export interface Pair {
  first: number;
  second: number;
  /** By the maker's form; null where that tells nothing. */
  order: Order | null;
  /** Metres, where the third number is a height. */
  height: number | null;
}

/** What stands behind "GPS(" (P4 RTK with a fix of its own: "RTK ("), and before ")". */
const brackets = [/\bGPS\s{0,9}\(([^()]{1,120})\)/i, /\bRTK\s{0,9}\(([^()]{1,120})\)/i];

/** Decimal commas can be told where the numbers stand apart by a comma and a blank, or by semicolons. */
function partsOf(inside: string): string[] {
  const byComma = inside.split(',').map((part) => part.trim());
  if (byComma.length <= 3 && !inside.includes(';')) return byComma;
  return inside.split(/;|,\s/).map((part) => part.trim());
}

/** "46.5", "46,5", "46.5°"; Autel writes "-117.-9605", too (autelpilots.com, thread 4807, "Bug in the .a-s-s"). */
export function degreesOf(text: string): number | null {
  const plain = text.replace(/\s?°$/, '').replace(/\.-(?=\d)/, '.');
  return numberOf(plain) ?? numberOf(plain, ',');
}

/** A coordinate without decimals is the half of one whose decimal mark was taken for a separator; makers write four or more. */
const hasDecimals = (text: string): boolean => /\d[.,]-?\d/.test(text);

/**
 * By the third number, and what stands around. Samples: JuanIrache/DJI_SRT_Parser (samples, index.js "m300format"),
 * CallMarcus/dji-drone-metadata-embedder (docs/SRT_FORMATS.md, samples/avata2; issue 324 for Autel without letters).
 */
function orderOf(third: string, block: string): Order | null {
  // Matrice 300: "GPS(36.6146,-6.1120,0.0M) BAROMETER:0.3M".
  if (/^[+-]?\d{1,6}(?:\.\d{1,6})?M$/.test(third)) return 'latitude first';
  // Avata 2: "GPS(39.906217,116.391305,69.800)".
  if (/^[+-]?\d{1,6}\.\d{3}$/.test(third)) return 'latitude first';
  // Mavic Pro and Mini, Phantom 4: "GPS(149.0251,-20.2533,16)"; the third is the number of satellites.
  if (/^[+-]?\d{1,6}m?$/.test(third)) return 'longitude first';
  // Heights in small metres stand behind the longitude first: "HOME (-58.847509, -34.232707, -57.98m)".
  if (/^[+-]?\d{1,6}\.\d{1,6}m$/.test(third)) return 'longitude first';
  // Autel without letters ("ReH:0", "F-NUM:2.8"), and the one line of Phantom 4 and Mini ("H.S 0.00m/s").
  return /\bReH:|\bF-NUM:|\bH\.S\s/.test(block) ? 'longitude first' : null;
}

const letter = /^([NSEW])\s{0,9}:\s{0,9}(.{1,60})$/i;

/** Autel: the letters tell which is which, and the side of the Earth; some firmware writes the sign as well. */
function lettered(parts: readonly string[]): Pair | null {
  const found = new Map<string, number>();
  for (const part of parts.slice(0, 2)) {
    const [, side = '', digits = ''] = letter.exec(part) ?? [];
    const value = degreesOf(digits);
    if (value === null || (value < 0 && /[NE]/i.test(side))) return null;
    const signed = /[SW]/i.test(side) ? -Math.abs(value) : value;
    found.set(/[NS]/i.test(side) ? 'latitude' : 'longitude', signed);
  }
  const [first, second] = [found.get('latitude'), found.get('longitude')];
  if (first === undefined || second === undefined) return null;
  const height = numberOf((parts[2] ?? '').replace(/\s?m$/i, ''));
  return { first, second, order: 'latitude first', height };
}

/** Undefined: the block has none. Null: it has one that cannot be read. "none": it says that it does not know its place. */
export function pairIn(block: string): Pair | 'none' | null | undefined {
  const inside = brackets.map((form) => form.exec(block)?.[1]).find((text) => text !== undefined);
  if (inside === undefined) return undefined;
  const parts = partsOf(inside);
  const [one = '', two = '', third = ''] = parts;
  if (isAbsent(one) || isAbsent(two)) return 'none';
  if (parts.length < 2 || parts.length > 3) return null;
  if (letter.test(one) && letter.test(two)) return lettered(parts);
  const [first, second] = [degreesOf(one), degreesOf(two)];
  if (first === null || second === null) return null;
  if (first === 0 && second === 0) return 'none';
  if (!hasDecimals(one) || !hasDecimals(two)) return null;
  const order = orderOf(third, block);
  // Only the Avata's third number is known to be a height: others count satellites there, or say how exact the place is.
  return { first, second, order, height: /^[+-]?\d{1,6}\.\d{3}$/.test(third) ? numberOf(third) : null };
}
