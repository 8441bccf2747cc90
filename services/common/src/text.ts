// Texts that a user gives: each has a limit, named with its field, and none holds what cannot be stored or shown.
import { SortieError } from './errors.js';

/** Most characters (UTF-16 units) of each. */
export const maxLength = {
  user: 256,
  serviceName: 120,
  layerName: 200,
  fileName: 255,
  description: 4_096,
  url: 2_048,
  requestId: 128,
} as const;

/** A job's inputs name at most so many files. */
export const maxFiles = 20;

// C0 and C1 controls but for tabs and line ends, which a description may hold, and halves of surrogate pairs.
const unfit =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const lineEnds = /[\t\n\r]/;

/** Whether a text holds what PostgreSQL does not take (NUL), or no name needs; tabs and line ends are fine. */
export const isUnfit = (text: string): boolean => unfit.test(text);

/** The beginning of a text that others made, on one line, with a mark for each character that cannot be stored. */
export const madeFit = (text: string, max: number): string =>
  text
    .slice(0, max)
    .replace(new RegExp(unfit, 'g'), '\ufffd')
    .replace(/[\t\n\r]/g, ' ');

export interface TextRule {
  max: number;
  /** 1 when it must not be empty or blank. */
  min?: 0 | 1;
  /** Whether it may hold several lines. */
  lines?: boolean;
}

/** Throws INVALID_ARGUMENT with the field's name. */
export function checkText(field: string, value: string, { max, min = 0, lines = false }: TextRule): void {
  if (min === 1 && value.trim() === '') throw SortieError.field(field, 'is missing');
  if (value.length > max) throw SortieError.field(field, `has ${value.length} characters; at most ${max} are taken`);
  if (isUnfit(value) || (!lines && lineEnds.test(value)))
    throw SortieError.field(field, 'holds control characters or broken Unicode');
}
