// What is left out of a sidecar, so that one odd value does not cost the file: counted, with an example, for the owner. When
// nothing is left, the first thing that was wrong is why.
import type { SortieError } from '@sortie/common/errors';
import type { Notes } from '../telemetry/notes.js';
import { wrong, type Sidecar } from './row.js';

export type Unit = 'line' | 'point' | 'block';

export class Mended {
  private first: { where: string; what: string } | null = null;

  constructor(
    readonly sidecar: Sidecar,
    private readonly notes: Notes,
  ) {}

  /** One of the file's rows is left out. `kind`: what makes two of them the same; `what`: a sentence without its capital. */
  row(unit: Unit, kind: string, where: string, what: string): void {
    this.first ??= { where, what };
    const { name } = this.sidecar;
    this.add(`${unit} ${kind}`, (count) =>
      count === 1 ? `In ${name}, ${where} is left out: ${what}` : `In ${name}, ${count} ${unit}s are left out; the first is ${where}: ${what}`,
    ); // prettier-ignore
  }

  /** A value is left out, the rest of its row stays. */
  value(kind: string, where: string, what: string): void {
    const { name } = this.sidecar;
    this.add(`value ${kind}`, (count) =>
      count === 1
        ? `In ${name}, a value of ${where} is left out: ${what}`
        : `In ${name}, ${count} values are left out; the first is one of ${where}: ${what}`,
    );
  }

  /** What was read is not as it is written. */
  add(kind: string, text: (count: number) => string): void {
    this.notes.add('SIDECAR_MENDED', `${this.sidecar.name} ${kind}`, text);
  }

  /** The reason why nothing is left. */
  nothing(otherwise: string): SortieError {
    const { where, what } = this.first ?? { where: '', what: otherwise };
    return wrong(this.sidecar, where, what);
  }
}
