// Text files as people have them: UTF-8, UTF-16 as Windows writes it, and the old code page of Windows. Read as a stream.
import { createReadStream } from 'node:fs';

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

const marks: readonly (readonly [Encoding, Buffer])[] = [
  ['utf-8', Buffer.from('efbbbf', 'hex')],
  ['utf-16le', Buffer.from('fffe', 'hex')],
  ['utf-16be', Buffer.from('feff', 'hex')],
];
const looked = 2_000;
/** Of characters whose other byte is zero: western text has hardly any others. */
const leastZeros = 0.4;

/** By the mark; without one by where the zeros are, and by what can be no UTF-8. `head`: the beginning of the file. */
export function encodingOf(head: Buffer): Encoding {
  const marked = marks.find(([, mark]) => head.subarray(0, mark.length).equals(mark));
  if (marked) return marked[0];
  const zeros = [0, 0];
  const pairs = Math.min(head.length, looked) >> 1;
  for (let at = 0; at < 2 * pairs; at++) if (head[at] === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if (odd > pairs * leastZeros && odd > even) return 'utf-16le';
  if (even > pairs * leastZeros) return 'utf-16be';
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return 'utf-8';
  } catch {
    return 'windows-1252';
  }
}

/** The text in parts, without its byte order mark. */
export async function* textOf(path: string): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    decoder ??= new TextDecoder(encodingOf(chunk));
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder?.decode() ?? '';
}

/** Lines without their ends. Null instead of one that is longer than `longest` characters: the last one then. */
export async function* linesOf(path: string, longest: number): AsyncGenerator<string | null> {
  let rest = '';
  for await (const part of textOf(path)) {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.length > longest ? null : line.replaceAll('\r', '');
    if (rest.length > longest) {
      yield null;
      return;
    }
  }
  if (rest.length > 0) yield rest.replaceAll('\r', '');
}
