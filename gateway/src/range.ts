// The Range header (RFC 9110 section 14.2), one range only.

export interface Range {
  /** Negative: from the end. Past the end for what cannot be satisfied. */
  offset: number;
  length: number | undefined;
}

/** No file is longer; numbers beyond it mean the same, and would be none for the services. */
const clip = (digits: string): number => Math.min(Number(digits), Number.MAX_SAFE_INTEGER);

/** Null when there is none, or one that may be ignored: other units, several ranges, nonsense. */
export function parseRange(header: string | undefined): Range | null {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === '' && last === '') return null;
  if (first === '') {
    // The last 0 bytes are no range that could be sent (section 14.1.2: a positive suffix length).
    return clip(last) === 0
      ? { offset: Number.MAX_SAFE_INTEGER, length: 0 }
      : { offset: -clip(last), length: undefined };
  }
  if (last === '') return { offset: clip(first), length: undefined };
  const [from, to] = [clip(first), clip(last)];
  return to < from ? null : { offset: from, length: Math.min(to - from + 1, Number.MAX_SAFE_INTEGER) };
}
