// The Range header (RFC 9110 section 14.2), one range only.

export interface Range {
  /** Negative: from the end. */
  offset: number;
  length: number | undefined;
}

/** Null when there is none, or one that may be ignored: other units, several ranges, nonsense. */
export function parseRange(header: string | undefined): Range | null {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === '' && last === '') return null;
  if (first === '') return { offset: -Number(last), length: undefined };
  if (last === '') return { offset: Number(first), length: undefined };
  return Number(last) < Number(first) ? null : { offset: Number(first), length: Number(last) - Number(first) + 1 };
}
