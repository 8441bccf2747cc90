// The cells of a table: numbers with a decimal point or a decimal comma, and times.
import { dateOf } from './date.js';
import { numberOf, type DecimalMark } from './number.js';
import { cut, faultOfTime, type Row } from './row.js';

/** Microseconds since 1970 have so many digits. */
const timeDigits = 16;

const saveAgain = 'Format the column as a number without decimals in the original table, and save that again.';

/** What is wrong with a time whose last digits a spreadsheet has dropped: "1.71724E+15". Null: nothing. */
function lostDigits(cell: string): string | null {
  const mantissa = /^[+-]?([\d.,]{1,40})e[+-]?\d{1,3}$/i.exec(cell)?.[1];
  if (mantissa === undefined || mantissa.replace(/\D/g, '').length >= timeDigits) return null;
  return `the time is "${cut(cell)}": a spreadsheet has written it with an exponent, and its last digits are lost. ${saveAgain}`;
}

/** Microseconds that a spreadsheet has rounded to six digits or less are whole multiples of this: a thousand seconds. */
const roundedTo = 1e9;

/** Lines with different places that all have the same, rounded time: an exponent was made digits again. */
export class RoundedTimes {
  private lines = 0;
  private time: number | null = null;
  private place = '';
  private places = 0;
  private times = 0;

  add(items: Row['items']): void {
    const [time, latitude, longitude] = [2, 13, 14].map((tag) => Number(items.find((item) => item[0] === tag)?.[1]));
    const place = `${latitude} ${longitude}`;
    this.lines++;
    if (place !== this.place) this.places++;
    if (time !== this.time) this.times++;
    this.place = place;
    this.time = time ?? null;
  }

  /** What is wrong with the table; null: nothing. */
  get fault(): string | null {
    if (this.times !== 1 || this.places < 2 || this.time === null || this.time % roundedTo !== 0) return null;
    return `all of its ${this.lines} lines have the time ${this.time}, but not the same place: a spreadsheet has rounded the times, and their last digits are lost. ${saveAgain}`;
  }
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
