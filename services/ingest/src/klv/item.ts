// One item of a set: its bytes, and what they mean by the table.
import { labelBytes } from './label.js';
import type { Definition } from './table.js';

/** A set inside of an item is the list of its items, a series the list of its elements, a pack an object. */
export type Value = number | string | null | readonly Item[] | readonly object[] | Readonly<Record<string, unknown>>;

/** Why a value is null, missing or unusual. */
export type Note =
  | 'no value'
  | 'below minimum'
  | 'above maximum'
  | 'no longer known'
  | 'unusual length'
  | 'not UTF-8'
  | 'not of the stated version'
  | 'too deep'
  | 'unreadable';

export class Item {
  /** Null: the sender says that there is none, or says nothing readable. Undefined: not known what the bytes mean. */
  value: Value | undefined = undefined;
  note: Note | undefined = undefined;

  /** `tag` is undefined in universal sets. The item's value is `bytes` from `start` to `end`. */
  constructor(
    readonly tag: number | undefined,
    readonly definition: Definition | undefined,
    protected readonly bytes: Buffer,
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** The label of an item of a universal set, in hexadecimal digits. */
  get ul(): string | undefined {
    return undefined;
  }

  get name(): string | undefined {
    return this.definition?.name;
  }

  get units(): string | undefined {
    return this.definition?.units === '' ? undefined : this.definition?.units;
  }

  get hex(): string {
    return this.bytes.toString('hex', this.start, this.end);
  }

  get length(): number {
    return this.end - this.start;
  }

  /** In words: the name of an enumeration's value, the names of the bits that are set. */
  get meaning(): string | string[] | undefined {
    const { definition, value } = this;
    if (typeof value !== 'number' || definition?.coding.kind !== 'unsigned') return undefined;
    const { names, bits } = definition.coding;
    if (names) return names[value];
    if (!bits) return undefined;
    return Object.entries(bits).flatMap(([bit, name]) =>
      Math.floor(value / 2 ** Number(bit)) % 2 === 1 ? [name] : [],
    );
  }

  toJSON(): object {
    const { tag, ul, hex, name, value, units, meaning, note } = this;
    return { tag, ul, hex, name, value, units, meaning, note };
  }
}

/** An item of a universal set: 16 bytes of label at `label`, in place of a tag. */
export class UniversalItem extends Item {
  constructor(
    definition: Definition | undefined,
    bytes: Buffer,
    private readonly label: number,
    start: number,
    end: number,
  ) {
    super(undefined, definition, bytes, start, end);
  }

  override get ul(): string {
    return this.bytes.toString('hex', this.label, this.label + labelBytes);
  }
}
