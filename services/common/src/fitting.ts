/** The first of the items that fit into so many bytes together; at least one, so that whoever asks for the rest gets on. */
export function fitting<T>(items: readonly T[], bytesOf: (item: T) => number, maxBytes: number): T[] {
  let left = maxBytes;
  const count = items.findIndex((item) => (left -= bytesOf(item)) < 0);
  return items.slice(0, count < 0 ? items.length : Math.max(1, count));
}
