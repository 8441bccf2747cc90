// Lines of a text file as they are read: memory holds one of them.
import { createReadStream } from 'node:fs';

const newline = 0x0a;

/** Lines without their ends. Null instead of one that is longer than `longest` bytes: the last one then. */
export async function* fileLines(path: string, longest: number): AsyncGenerator<string | null> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    for (let end = bytes.indexOf(newline, from); end >= 0; end = bytes.indexOf(newline, from)) {
      yield end - from > longest ? null : bytes.toString('utf8', from, end);
      from = end + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > longest) {
      yield null;
      return;
    }
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
