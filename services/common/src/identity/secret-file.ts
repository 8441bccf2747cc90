// Files of secrets change while programs run: certificates are renewed, keys are replaced. They are looked at when they are needed, and
// without waiting: whoever asks is in the middle of a call.
import { readFileSync, statSync } from 'node:fs';

const lookMs = 1_000;

/** The file as it is, looked at once a second at most. Throws when it cannot be read at first; later the last content stays. */
export function secretFile<T>(path: string, read: (content: Buffer) => T): () => T {
  let state = '';
  let looked = 0;
  let value: T;
  const look = (): void => {
    const { ino, size, mtimeMs } = statSync(path);
    const now = `${ino} ${size} ${mtimeMs}`;
    if (now === state) return;
    value = read(readFileSync(path));
    state = now;
  };
  look();
  return () => {
    const now = performance.now();
    if (now - looked > lookMs) {
      looked = now;
      try {
        look();
      } catch {
        // It is being replaced.
      }
    }
    return value;
  };
}
