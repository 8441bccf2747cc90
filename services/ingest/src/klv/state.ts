// What holds at a moment: slowly changing items are sent only now and then (report on change), so the last value counts
// until it is replaced, taken back, or too old. Items of EG 0104 count as those of ST 0601 that say the same.
import type { Item, Value } from './item.js';
import type { KlvPacket } from './packet.js';

/** How long a value holds that is sent only when it changes (practice of ST 0902), seconds. */
export const holdSeconds = 30;

const heading = 5;
const security = 48;

interface Held {
  item: Item;
  value: Value;
  time: number;
}

/** What a state knows of one item of ST 0601. */
export interface Entry {
  tag: number;
  item: Item;
  value: Value;
}

/** By which an item of a universal set is known in ST 0601, where it is. */
export const tagOf = (item: Item): number | undefined => item.tag ?? item.definition?.same;

/** Headings are from 0 to 360 in ST 0601; in EG 0104 they may be negative. */
const valueAs = (tag: number, value: Value): Value =>
  tag === heading && typeof value === 'number' && value < 0 ? value + 360 : value;

export class State {
  private readonly held = new Map<number, Held>();
  private readonly marking = new Map<number, Held>();
  /** When it was told last, seconds. */
  latest = 0;

  /** The last of several items with one tag counts; security sets that come in parts are put together. */
  update(packet: KlvPacket, time: number): this {
    this.latest = time;
    for (const item of packet.items) {
      const tag = tagOf(item);
      if (tag === undefined || tag === 1) continue;
      const { value } = item;
      if (value === undefined || value === null || item.note === 'no longer known') this.forget(tag);
      else this.held.set(tag, { item, value: valueAs(tag, value), time });
      if (tag === security && Array.isArray(value))
        for (const part of value as readonly Item[])
          if (part.tag !== undefined) this.marking.set(part.tag, { item: part, value: part.value ?? null, time });
    }
    for (const map of [this.held, this.marking])
      for (const [tag, { time: since }] of map) if (Math.abs(time - since) > holdSeconds) map.delete(tag);
    return this;
  }

  private forget(tag: number): void {
    this.held.delete(tag);
    if (tag === security) this.marking.clear();
  }

  /** In the order of their tags. */
  get entries(): Entry[] {
    return [...this.held].sort(([a], [b]) => a - b).map(([tag, { item, value }]) => ({ tag, item, value }));
  }

  /** Items of ST 0102. */
  get security(): Item[] {
    return [...this.marking].sort(([a], [b]) => a - b).map(([, { item }]) => item);
  }

  value(tag: number): Value | undefined {
    return this.held.get(tag)?.value;
  }

  number(tag: number): number | null {
    const value = this.value(tag);
    return typeof value === 'number' ? value : null;
  }
}

/** What one says is not another's. */
export class States {
  private readonly all = new Map<string, State>();

  of(speaker: string): State {
    let state = this.all.get(speaker);
    if (!state) this.all.set(speaker, (state = new State()));
    return state;
  }
}
