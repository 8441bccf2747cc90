// Tables, tracks and subtitles as programs and people break them: numbers, marks between them, lines, encodings.
import { severally } from './bytes.js';
import type { Random } from './random.js';

const numbers = ['', '0', '-0', '-1', '91', '-180.0001', '1e308', '1e999', '-1e-400', 'NaN', 'Infinity', '0x10', '1,5', '1.234.567,8', '9007199254740993', '253402300800000000', '-62135596800000000', '99999999999999999999999', '1'.repeat(400), '٤٦', '4 6', "'46"] as const; // prettier-ignore
const marks = [',', ';', '\t', '|', '"', '""', '"\n', '\r', '\0', '\u2028', '\ufeff', '<', '>', '&amp;', '&#0;', '<!-- ', ']]>', '{\\an8}', '-->', '[', ']', '\\N', '\u202e', '😀', 'A'.repeat(3000), '\n'.repeat(50)] as const; // prettier-ignore

/** Another piece in the place of one that matches; nothing where none does. */
function replaceOne(text: string, form: RegExp, by: (found: string) => string, random: Random): string {
  const found = [...text.matchAll(form)];
  const match = random.oneOf(found);
  if (!match) return text;
  return text.slice(0, match.index) + by(match[0]) + text.slice(match.index + match[0].length);
}

function changeNumber(text: string, random: Random): string {
  const by = (found: string): string => {
    if (random.chance(0.5)) return random.of(numbers);
    return random.of([`-${found}`, `${found}${found}`, found.replace('.', ','), `${found}e5`, found.slice(1), `${found}.5.5`]); // prettier-ignore
  };
  return replaceOne(text, /[-+]?\d+(?:\.\d+)?/g, by, random);
}

function changeLines(text: string, random: Random): string {
  const lines = text.split('\n');
  const at = random.below(lines.length);
  const count = random.of([1, 1, 2, 5]);
  switch (random.below(4)) {
    case 0:
      lines.splice(at, count);
      break;
    case 1:
      lines.splice(at, 0, ...lines.slice(at, at + count));
      break;
    case 2:
      lines.splice(random.below(lines.length), 0, ...lines.splice(at, count));
      break;
    default:
      lines[at] = (lines[at] ?? '').slice(0, random.below(20));
  }
  return lines.join('\n');
}

function changeMark(text: string, random: Random): string {
  if (random.chance(0.5)) return replaceOne(text, /[,;:\t"<>[\]{}\n=/-]/g, () => random.of(marks), random);
  const at = random.below(text.length);
  return text.slice(0, at) + random.of(marks) + text.slice(at);
}

/** All marks of a kind, as when a program in another language saves it. */
function changeAll(text: string, random: Random): string {
  const [from, to] = random.of([[',', ';'], ['.', ','], ['\n', '\r\n'], ['\n', '\r'], ['\n', ''], [' ', '\u00a0'], ['-->', '->'], ['"', "'"], [',', '\t']]); // prettier-ignore
  return text.replaceAll(from ?? '', to ?? '');
}

const inOneText = severally((bytes, random) => {
  const text = bytes.toString('utf8');
  const change = random.of([changeNumber, changeNumber, changeLines, changeMark, changeAll]);
  return Buffer.from(change(text, random));
}, 0.05);

function encoded(text: string, random: Random): Buffer {
  switch (random.below(6)) {
    case 0:
      return Buffer.from(`\ufeff${text}`, 'utf16le');
    case 1:
      return Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
    case 2:
      return Buffer.from(text, 'latin1');
    case 3:
      return Buffer.from(`\ufeff${text}`);
    case 4:
      return Buffer.from(text, 'utf16le');
    default:
      return Buffer.concat([Buffer.from(text), Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x00])]);
  }
}

export const mutateText = (bytes: Buffer, random: Random): Buffer => {
  const changed = inOneText(bytes, random);
  return random.chance(0.2) ? encoded(changed.toString('utf8'), random) : changed;
};
