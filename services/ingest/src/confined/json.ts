// JSON from a process that is not trusted. A text of some mebibytes may hold so many empty objects, or arrays in arrays, that
// what they become fills the memory of whoever parses it: 32 bytes and more for each opening bracket.

/** What is told has names and numbers in it: far fewer objects and arrays than this, for its length. */
const bytesPerPart = 32;
const fewParts = 1_000;

function hasTooManyParts(text: string): boolean {
  let left = fewParts + text.length / bytesPerPart;
  for (const bracket of ['{', '['])
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) if (--left < 0) return true;
  return false;
}

/** Undefined, which JSON has not, for what is no JSON or holds too much. */
export function parseUntrusted(text: string): unknown {
  if (hasTooManyParts(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
