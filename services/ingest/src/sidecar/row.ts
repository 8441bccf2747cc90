// A moment of a sidecar: what it tells, as items of ST 0601.
import { SortieError } from '@sortie/common/errors';
import { itemDefinition } from '../klv/st0601-table.js';
import type { Encodable } from '../klv/encode.js';

export interface Row {
  items: [tag: number, value: Encodable][];
  /** Seconds from the video's beginning, where the sidecar counts so; else item 2 is the clock. */
  mediaTime: number | null;
}

export interface Sidecar {
  /** As it is shown: the client's name for it. */
  name: string;
  path: string;
}

export const wrong = (sidecar: Sidecar, where: string, what: string): SortieError =>
  new SortieError('SIDECAR_INVALID', `${sidecar.name}${where === '' ? '' : `, ${where}`}: ${what}`);

const earliest = 0;
/** The year 2200, microseconds. */
const latest = 7_258_118_400_000_000;
/** From here on (1973) a number that small is not microseconds. */
const leastMicroseconds = 1e14;

/** Item 2 of a number that should be microseconds since 1970; says what it seems to be when it is not. */
export function microseconds(sidecar: Sidecar, where: string, value: number): number {
  if (!Number.isFinite(value) || value < earliest || value > latest)
    throw wrong(sidecar, where, `the time ${value} is no number of microseconds since 1970.`);
  if (value >= leastMicroseconds) return Math.round(value);
  const unit = value >= 1e11 ? 'milliseconds' : 'seconds';
  throw wrong(sidecar, where, `the time ${value} seems to be in ${unit}; it must be in microseconds since 1970 (UTC).`);
}

/** Within the range of the item, or an error that says so. */
export function inRange(sidecar: Sidecar, where: string, tag: number, value: number): number {
  const definition = itemDefinition(tag);
  const { coding, name = `item ${tag}`, units = '' } = definition ?? {};
  const [low, high] =
    coding?.kind === 'linear' || coding?.kind === 'imapb'
      ? [coding.low, coding.high]
      : coding?.kind === 'symmetric'
        ? [-coding.limit, coding.limit]
        : [-Infinity, Infinity];
  if (value >= low && value <= high) return value;
  throw wrong(sidecar, where, `${name} is ${value}; it must be ${low} to ${high}${units === '' ? '' : ` ${units}`}.`);
}
