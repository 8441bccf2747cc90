// A track of KLV packets: one may lie in several samples, and several in one.
import type { Sample } from '../containers/file.js';
import { CarriageReader, type FramedPacket } from '../klv/carriage.js';
import { ptsOf, type TrackPacket, type TrackReader } from './track.js';

const packetOf = ({ bytes, pts, repaired }: FramedPacket): TrackPacket => ({ bytes, pts: pts ?? 0, ...(repaired ? { repaired } : {}) }); // prettier-ignore

export class KlvTrack implements TrackReader {
  readonly carriage = new CarriageReader();
  readonly unread = null;

  push({ bytes, time }: Sample): TrackPacket[] {
    return this.carriage.push({ payload: bytes, pts: ptsOf(time), videoPts: null, broken: false }).map(packetOf);
  }

  end(): TrackPacket[] {
    return this.carriage.lose().map(packetOf);
  }
}
