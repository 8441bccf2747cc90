// How often each name came. Names are the file's own: from so many different ones on, and of such a length, new ones are
// counted together.
import { klvBudget } from '../budgets.js';

const otherNames = 'others';
const longestName = 200;

export class NameCounts {
  private readonly counts = new Map<string, number>();

  add(name: string): void {
    const isCounted =
      this.counts.has(name) || (name.length <= longestName && this.counts.size < klvBudget.countedNames);
    const key = isCounted ? name : otherNames;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  get record(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }
}
