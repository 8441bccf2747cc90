// Dates with times as texts write them. What tells no zone counts as UTC: the zone of the machine that reads it is not the
// writer's.

/**
 * "2024-06-01T10:00:00.5Z", "2017.8.5 14:11:51", "2019-09-27 10:28:08,438,904" (DJI: milliseconds, then microseconds),
 * "2024-06-01T12:00:00+02:00".
 */
const date =
  /(\d{4})[-./](\d{1,2})[-./](\d{1,2})[T ]\s{0,9}(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9})(?:,(\d{3})(?!\d))?)?(?: ?(Z|[+-]\d\d(?::?\d\d)?)(?![\d.]))?/i;

/** Of a fraction of a second. */
const microsecondsOf = (digits: string): number => Number(digits.slice(0, 6).padEnd(6, '0'));

function zoneMinutes(zone: string): number {
  if (/^z?$/i.test(zone)) return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || 0);
  return zone.startsWith('-') ? -minutes : minutes;
}

/** The first one in the text: microseconds since 1970 (UTC); null when there is none, or the calendar does not know it. */
export function dateIn(text: string): number | null {
  const found = date.exec(text);
  if (!found) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number);
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second);
  const read = new Date(milliseconds);
  // A leap second is the first one of the next minute.
  if (read.getUTCMonth() !== month - 1 && day > 28 && second < 60) return null;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return null;
  const fraction = microsecondsOf(`${found[7] ?? ''}${found[8] ?? ''}`);
  return milliseconds * 1000 + fraction - zoneMinutes(found[9] ?? '') * 60e6;
}

/** Of a text that is a date with a time and nothing else. */
export const dateOf = (text: string): number | null => (date.exec(text)?.[0] === text ? dateIn(text) : null);
