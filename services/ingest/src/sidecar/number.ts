// Numbers as texts write them. A text is a number from its first character to its last, or none: part of a number is another
// number, and as a place one tens of kilometres off.

export type DecimalMark = '.' | ',';

/** Short enough that a text that was cut at 60 characters is never one. */
const forms: Readonly<Record<DecimalMark, RegExp>> = {
  '.': /^[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:e[+-]?\d{1,3})?$/i,
  ',': /^[+-]?(?:\d{1,20}(?:,\d{0,20})?|,\d{1,20})(?:e[+-]?\d{1,3})?$/i,
};

/** Null when it is none, or something beside it. */
export function numberOf(text: string, mark: DecimalMark = '.'): number | null {
  const plain = text.replace('\u2212', '-');
  if (!forms[mark].test(plain)) return null;
  const value = Number(plain.replace(',', '.'));
  return Number.isFinite(value) ? value : null;
}

/** How programs write that there is no value. */
export const isAbsent = (text: string): boolean => /^(?:n\/?a|nan|null|none|-{0,3})$/i.test(text);
