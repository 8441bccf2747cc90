// What the reader of telemetry noticed and the owner should know. A kind of finding is told once, with how often it was seen.

/** Codes of the warnings that telemetry leads to. */
export const noteCodes = ['SIDECAR_MENDED', 'TELEMETRY_CLOCK', 'TELEMETRY_DAMAGED', 'TELEMETRY_NOT_READ'] as const;
export type NoteCode = (typeof noteCodes)[number];

export interface Note {
  code: NoteCode;
  /** A whole sentence. */
  text: string;
}

/** More kinds than any real flight has. */
const mostNotes = 40;

export class Notes {
  private readonly found = new Map<string, { code: NoteCode; count: number; text: (count: number) => string }>();

  /** `kind`: what makes two findings the same. `text`: the sentence, by how often it was seen. */
  add(code: NoteCode, kind: string, text: (count: number) => string, count = 1): void {
    const same = this.found.get(kind);
    if (same) same.count += count;
    else if (this.found.size < mostNotes) this.found.set(kind, { code, count, text });
  }

  get all(): Note[] {
    return [...this.found.values()].map(({ code, count, text }) => ({ code, text: text(count) }));
  }
}
