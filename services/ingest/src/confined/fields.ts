// Looks at the fields of a value from a process that is not trusted. Each method gives what has the form and lies within the
// bounds, and throws otherwise. Fields that nobody asks for are left behind.

export class Fields {
  private readonly fields: Readonly<Record<string, unknown>>;

  /** `refuse` makes the error; it gets the name of the field that is to blame. */
  constructor(
    value: unknown,
    private readonly refuse: (field: string) => Error,
    private readonly name = 'the answer',
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(name);
    this.fields = value as Readonly<Record<string, unknown>>;
  }

  private no(field: string): Error {
    return this.refuse(`${field} of ${this.name}`);
  }

  /** An own field: what objects inherit is not an answer. */
  private get(field: string): unknown {
    return Object.hasOwn(this.fields, field) ? this.fields[field] : undefined;
  }

  /** A whole number, `least` to `most`. */
  count(field: string, most: number, least = 0): number {
    const value = this.number(field, least, most);
    if (!Number.isSafeInteger(value)) throw this.no(field);
    return value;
  }

  /** A finite number. */
  number(field: string, least: number, most: number): number {
    const value = this.get(field);
    if (typeof value !== 'number' || !(value >= least && value <= most)) throw this.no(field);
    return value;
  }

  boolean(field: string): boolean {
    const value = this.get(field);
    if (typeof value !== 'boolean') throw this.no(field);
    return value;
  }

  text(field: string, longest: number): string {
    const value = this.get(field);
    if (typeof value !== 'string' || value.length > longest) throw this.no(field);
    return value;
  }

  /** A text of that form. */
  form(field: string, form: RegExp): string {
    const value = this.get(field);
    if (typeof value !== 'string' || !form.test(value)) throw this.no(field);
    return value;
  }

  oneOf<T extends string | number>(field: string, known: readonly T[]): T {
    const found = known.find((one) => one === this.get(field));
    if (found === undefined) throw this.no(field);
    return found;
  }

  /** What the field has to be, and nothing else. */
  same<T extends string | number>(field: string, wanted: T): T {
    return this.oneOf(field, [wanted]);
  }

  orNull<T>(field: string, read: (field: string) => T): T | null {
    return this.get(field) === null ? null : read(field);
  }

  part(field: string): Fields {
    return new Fields(this.get(field), this.refuse, `${field} of ${this.name}`);
  }

  /** Objects, `least` to `most` of them. */
  list<T>(field: string, most: number, read: (item: Fields, index: number) => T, least = 0): T[] {
    return this.items(field, least, most).map((item, index) =>
      read(new Fields(item, this.refuse, `${field}[${index}] of ${this.name}`), index),
    );
  }

  numbers(field: string, mostItems: number, least: number, most: number): number[] {
    return this.items(field, 0, mostItems).map((item) => {
      if (typeof item !== 'number' || !(item >= least && item <= most)) throw this.no(field);
      return item;
    });
  }

  texts(field: string, mostItems: number, longest: number): string[] {
    return this.items(field, 0, mostItems).map((item) => {
      if (typeof item !== 'string' || item.length > longest) throw this.no(field);
      return item;
    });
  }

  private items(field: string, least: number, most: number): readonly unknown[] {
    const value = this.get(field);
    if (!Array.isArray(value) || value.length < least || value.length > most) throw this.no(field);
    return value;
  }
}
