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

/** Of a text from the file, for a message. */
export const cut = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

/** The year 2200, microseconds. */
const latest = 7_258_118_400_000_000;
/** From here on (1973) a number that small is not microseconds. */
const leastMicroseconds = 1e14;

/** What is wrong with a number that should be microseconds since 1970: what it seems to be. Null: nothing. */
export function faultOfTime(value: number): string | null {
  if (value < 0 || value > latest) return `the time ${value} is no number of microseconds since 1970.`;
  if (value >= leastMicroseconds) return null;
  const unit = value >= 1e11 ? 'milliseconds' : 'seconds';
  return `the time ${value} seems to be in ${unit}; it must be in microseconds since 1970 (UTC).`;
}

function limitsOf(tag: number): [low: number, high: number] {
  const coding = itemDefinition(tag)?.coding;
  if (coding?.kind === 'linear' || coding?.kind === 'imapb') return [coding.low, coding.high];
  return coding?.kind === 'symmetric' ? [-coding.limit, coding.limit] : [-Infinity, Infinity];
}

const circle = 360;
export const turned = (degrees: number): number => ((degrees % circle) + circle) % circle;

/** The value as its item counts: directions from 0 to 360, where programs count from -180 to 180, too. */
export function counted(tag: number, value: number): number {
  const [low, high] = limitsOf(tag);
  const isDirection = low === 0 && high === circle && itemDefinition(tag)?.units === 'deg';
  return isDirection && value < 0 && value >= -circle ? turned(value) : value;
}

/** What is wrong with a value of an item: it is out of the item's range. Null: nothing. */
export function faultOfValue(tag: number, value: number): string | null {
  const [low, high] = limitsOf(tag);
  if (value >= low && value <= high) return null;
  const { name = `item ${tag}`, units = '' } = itemDefinition(tag) ?? {};
  return `${name} is ${value}; it must be ${low} to ${high}${units === '' ? '' : ` ${units}`}.`;
}
