// Size of a JPEG picture from its frame header (ITU-T T.81 section B.2.2).
import { SortieError } from '@sortie/common/errors';

/** A picture of ours is far smaller. */
export const mostJpegBytes = 64 * 1024 * 1024;

export function jpegSize(bytes: Buffer): { width: number; height: number } {
  let at = 2;
  if (bytes.length > 4 && bytes.readUInt16BE(0) === 0xffd8) {
    while (at + 9 <= bytes.length && bytes[at] === 0xff) {
      const marker = bytes[at + 1] ?? 0;
      // SOF0 to SOF15, without DHT (C4), JPG (C8) and DAC (CC).
      if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
        return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
      }
      at += 2 + bytes.readUInt16BE(at + 2);
    }
  }
  throw new SortieError('OUTPUT_FAULTY', 'A picture that was made is not a JPEG.');
}
