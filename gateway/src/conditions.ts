// Conditional requests (RFC 9110 section 13) about a file with a strong entity tag.

/** Whether the caller has the file already: If-None-Match is a list, compared weakly, or `*` (sections 13.1.2 and 8.8.3.2). */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const tags = ifNoneMatch.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => tag.replace(/^W\//, '') === etag);
}

/** Whether a range may be sent: If-Range is compared strongly, and we give no dates (section 13.1.5). */
export const rangeHolds = (ifRange: string | undefined, etag: string): boolean =>
  ifRange === undefined || ifRange.trim() === etag;
