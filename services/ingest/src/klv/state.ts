// What holds at a moment: slowly changing items are sent only now and then (report on change), so the last value counts
// until it is replaced, taken back, or too old.
import type { Item } from './item.js';
import type { KlvPacket } from './packet.js';
import type { TimedPacket } from './read.js';

/** How long a value holds that is sent only when it changes (practice of ST 0902), seconds. */
export const holdSeconds = 30;

const security = 48;

/** Items by tag in local sets, by name in universal ones. */
export type Key = number | string;

const isNested = (item: Item): boolean => Array.isArray(item.value);

export class State {
  private readonly held = new Map<Key, { item: Item; time: number }>();
  private readonly marking = new Map<number, { item: Item; time: number }>();

  /** The last of several items with one tag counts; security sets that come in parts are put together. */
  update(packet: KlvPacket, time: number): this {
    for (const item of packet.items) {
      const key = item.tag ?? item.name;
      if (key === undefined || key === 1) continue;
      if (item.value === undefined || item.value === null) this.held.delete(key);
      else this.held.set(key, { item, time });
      if ((key === security || key === 'Security Local Set') && isNested(item))
        for (const part of item.value as readonly Item[])
          if (part.tag !== undefined) this.marking.set(part.tag, { item: part, time });
    }
    for (const map of [this.held, this.marking] as Map<Key, { item: Item; time: number }>[])
      for (const [key, { time: since }] of map) if (Math.abs(time - since) > holdSeconds) map.delete(key);
    return this;
  }

  /** In the order of their tags. */
  get items(): Item[] {
    const order = (key: Key): number => (typeof key === 'number' ? key : 0);
    return [...this.held].sort(([a], [b]) => order(a) - order(b)).map(([, { item }]) => item);
  }

  /** Items of ST 0102. */
  get security(): Item[] {
    return [...this.marking].sort(([a], [b]) => a - b).map(([, { item }]) => item);
  }

  item(key: Key): Item | undefined {
    return this.held.get(key)?.item;
  }

  number(key: Key): number | null {
    const value = this.held.get(key)?.item.value;
    return typeof value === 'number' ? value : null;
  }
}

/** What one sender says is not another's: a state for each stream and each kind of set. */
export class States {
  private readonly all = new Map<string, State>();

  of({ packet, pid, converted }: TimedPacket): State {
    const key = `${pid ?? converted ?? ''} ${packet.kind}`;
    let state = this.all.get(key);
    if (!state) this.all.set(key, (state = new State()));
    return state;
  }
}
