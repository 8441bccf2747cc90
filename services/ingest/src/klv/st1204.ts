// MISB ST 1204: the Motion Imagery Identification System's core identifier.
import type { Field } from './pack.js';
import { uuidBytes, uuidText } from './uuid.js';

export interface CoreIdentifier {
  version: number;
  sensor: { type: string; id: string } | null;
  platform: { type: string; id: string } | null;
  window: string | null;
  minor: string | null;
}

const types = ['', 'Managed', 'Virtual', 'Physical'];

/** A version, a byte that says which identifiers follow, and these, 16 bytes each. */
export const coreIdentifier: Field = {
  read: (bytes, at, end) => {
    const usage = bytes[at + 1] ?? 0;
    let next = at + 2;
    const id = (): string => {
      next += 16;
      return next <= end ? uuidText(bytes, next - 16) : '';
    };
    const typed = (type: number): CoreIdentifier['sensor'] =>
      type === 0 ? null : { type: types[type] ?? '', id: id() };
    const value: CoreIdentifier = {
      version: bytes[at] ?? 0,
      sensor: typed((usage >> 5) & 3),
      platform: typed((usage >> 3) & 3),
      window: (usage & 4) !== 0 ? id() : null,
      minor: (usage & 2) !== 0 ? id() : null,
    };
    return next <= end ? { value, next } : null;
  },
  write: (given) => {
    const { version, sensor, platform, window, minor } = given as CoreIdentifier;
    const usage =
      (Math.max(0, types.indexOf(sensor?.type ?? '')) << 5) |
      (Math.max(0, types.indexOf(platform?.type ?? '')) << 3) |
      (window === null ? 0 : 4) |
      (minor === null ? 0 : 2);
    const ids = [sensor?.id, platform?.id, window, minor].filter((id) => typeof id === 'string');
    return Buffer.concat([Buffer.from([version, usage]), ...ids.map(uuidBytes)]);
  },
};
