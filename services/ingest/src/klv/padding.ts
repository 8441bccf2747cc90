// Fixed-size fields are padded in the wild. Character by character from the end: an expression with `$` would look at each
// run of padding again and again.

/** The text without these characters at its end. */
export function withoutPadding(text: string, characters = '\0'): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
