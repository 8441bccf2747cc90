// The cells of a table: numbers with a decimal point or a decimal comma, and times.
import { dateOf } from './date.js';
import { numberOf, type DecimalMark } from './number.js';
import { cut, faultOfTime } from './row.js';

/** Microseconds since 1970 have so many digits. */
const timeDigits = 16;

/** What is wrong with a time whose last digits a spreadsheet has dropped: "1.71724E+15". Null: nothing. */
function lostDigits(cell: string): string | null {
  const mantissa = /^[+-]?([\d.,]{1,40})e[+-]?\d{1,3}$/i.exec(cell)?.[1];
  if (mantissa === undefined || mantissa.replace(/\D/g, '').length >= timeDigits) return null;
  return `the time is "${cut(cell)}": a spreadsheet has written it with an exponent, and its last digits are lost. Format the column as a number without decimals in the original table, and save that again.`;
}

/** A table has one decimal mark. */
export class Cells {
  private mark: DecimalMark | null = null;

  constructor(private readonly separator: string) {}

  /** A number, or what is wrong with it. */
  number(name: string, cell: string): number | string {
    const no = `${name} is "${cut(cell)}", which is no number.`;
    const mark = cell.includes(',') ? ',' : '.';
    const value = numberOf(cell, mark);
    if (value === null) return no;
    if (!cell.includes(mark)) return value;
    // "1,234" in a table of commas is 1234 or 1.234.
    if (mark === ',' && this.mark === null && this.separator === ',' && /,\d{3}$/.test(cell))
      return `${name} is "${cut(cell)}"; it is in doubt whether its comma stands before decimals or thousands. Write a decimal point.`;
    this.mark ??= mark;
    if (this.mark === mark) return value;
    return `${name} is "${cut(cell)}", but other numbers of the table have ${this.mark === ',' ? 'a decimal comma' : 'a decimal point'}; write all alike.`;
  }

  /** Microseconds since 1970 (UTC), or what is wrong with the time. */
  time(name: string, cell: string): number | string {
    const date = dateOf(cell);
    if (date !== null) return faultOfTime(date) ?? date;
    const lost = lostDigits(cell);
    if (lost !== null) return lost;
    const value = this.number(name, cell);
    return typeof value === 'string' ? value : (faultOfTime(value) ?? Math.round(value));
  }
}
