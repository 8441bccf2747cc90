// Telemetry that went through FFmpeg. Its demuxer takes 5 bytes off each PES of stream_type 0x15, the header of one AU cell:
// where the PES holds bare KLV the key loses its beginning, and where it holds several cells the headers of the others stay
// inside of the packet (measured with 5.1; PyAV #1467). Both can be undone, and the checksum tells that it went well.
import { readLength } from './ber.js';
import { cellHeader, fragmentOf } from './cell.js';
import { keyHead, startsWithCutKey } from './cut-keys.js';
import { labelBytes, labelStart, startsWithLabel } from './label.js';
import { decodePacket } from './packet.js';

export type Repair = 'key completed' | 'cell headers removed';

/** So many cells of one packet at most are looked for. */
const mostCells = 32;
/** Places that look like the header of a last or middle cell are tried until here: time stays linear. */
const mostTries = 64;

/** The packet that a whole PES payload was before, or null where nothing is to be mended. */
export function repair(payload: Buffer): { bytes: Buffer; how: Repair } | null {
  if (startsWithLabel(payload, 0)) {
    const bytes = withoutHeaders(payload);
    return bytes && { bytes, how: 'cell headers removed' };
  }
  if (!startsWithCutKey(payload, 0)) return null;
  const bytes = Buffer.concat([keyHead, payload]);
  const length = readLength(bytes, labelBytes, bytes.length);
  const isWhole = length !== null && length.next + length.value === bytes.length;
  return isWhole && !decodePacket(bytes).damaged ? { bytes, how: 'key completed' } : null;
}

/** The header of each cell but the first is found from the end: it tells how many bytes there are behind it. */
function withoutHeaders(payload: Buffer): Buffer | null {
  const length = readLength(payload, labelBytes, payload.length);
  const whole = length ? length.next + length.value : Infinity;
  const cells = (payload.length - whole) / cellHeader;
  if (!Number.isInteger(cells) || cells < 1 || cells > mostCells) return null;
  if (payload.subarray(whole).includes(labelStart)) return null;
  let tries = mostTries;
  const search = (end: number, left: number, parts: readonly Buffer[]): Buffer | null => {
    if (left === 0) {
      const bytes = Buffer.concat([payload.subarray(0, end), ...parts]);
      return decodePacket(bytes).checksum === 'ok' ? bytes : null;
    }
    // cell_fragment_indication: 1 last, 0 middle.
    const expected = left === cells ? 1 : 0;
    for (let at = end - cellHeader; at >= labelBytes && tries > 0; at--) {
      if (payload.readUInt16BE(at + 3) !== end - at - cellHeader || fragmentOf(payload, at) !== expected) continue;
      tries--;
      const found = search(at, left - 1, [payload.subarray(at + cellHeader, end), ...parts]);
      if (found) return found;
    }
    return null;
  };
  return search(payload.length, cells, []);
}
