// The conditions of a list in SQL. What is not asked for is left out rather than made true: each kind of list then finds the index that
// is in its order.

export class Conditions {
  private readonly all: string[] = [];

  /** `parameters`: those of the statement before the conditions. */
  constructor(readonly parameters: unknown[]) {}

  /** Holds as well. `condition` gets the places of the values, as `$3`. */
  and(condition: (...places: string[]) => string, ...values: unknown[]): void {
    const places = values.map((value) => `$${this.parameters.push(value)}`);
    this.all.push(condition(...places));
  }

  /** A WHERE clause; empty without conditions. */
  get where(): string {
    return this.all.length > 0 ? `WHERE ${this.all.join(' AND ')}` : '';
  }
}
