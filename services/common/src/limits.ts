// Limits for each user, as the environment of a program sets them.

/** A whole number of 1 or more; `none` is Infinity. Throws with a sentence that says what to write. */
export function limitOf(variables: Readonly<Record<string, string | undefined>>, name: string, usual: number): number {
  const text = variables[name] ?? '';
  if (text === '') return usual;
  if (text === 'none') return Infinity;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`${name} is '${text}'. Write a whole number of 1 or more, or none for no limit.`);
}
