// The telemetry of the sample flight: one ST 0601 packet for a moment of it.
import { encodePacket, type Encodable } from '../klv/encode.js';
import { groundWidth, middle, momentAt, place, startTime } from './orbit.js';

const degrees = (radians: number): number => (radians * 180) / Math.PI;

/** Security set (ST 0102): unclassified, //CH, version 12. */
const security = Buffer.concat([
  Buffer.from([1, 1, 1, 2, 1, 1, 3, 4]),
  Buffer.from('//CH'),
  Buffer.from([22, 2, 0, 12]),
]);

/** `aspect` is the picture's width by its height. */
export function packetAt(seconds: number, aspect: number): Buffer {
  const { east, north, heading, height, speed } = momentAt(seconds);
  const center = place(east, north);
  const half = { across: groundWidth / 2, up: groundWidth / 2 / aspect };
  const turn = (heading * Math.PI) / 180;
  // Upper left, upper right, lower right, lower left: right of the picture is heading + 90 degrees.
  const corners = (
    [
      [-1, 1],
      [1, 1],
      [1, -1],
      [-1, -1],
    ] as const
  ).map(([right, up]) => {
    const x = right * half.across;
    const y = up * half.up;
    return place(east + x * Math.cos(turn) + y * Math.sin(turn), north - x * Math.sin(turn) + y * Math.cos(turn));
  });
  const items: [number, Encodable][] = [
    [2, BigInt(startTime) * 1000n + BigInt(Math.round(seconds * 1e6))],
    [3, 'SORTIE-SAMPLE'],
    [4, 'HB-0601'],
    [5, heading],
    [6, 0],
    [7, 0],
    [10, 'Sortie'],
    [11, 'EO Nadir'],
    [12, 'Geodetic WGS84'],
    [13, center.latitude],
    [14, center.longitude],
    [15, middle.elevation + height],
    [16, degrees(2 * Math.atan(half.across / height))],
    [17, degrees(2 * Math.atan(half.up / height))],
    [18, 0],
    [19, -90],
    [20, 0],
    [21, height],
    [22, groundWidth],
    [23, center.latitude],
    [24, center.longitude],
    [25, middle.elevation],
    ...corners.flatMap((corner, index): [number, Encodable][] => [
      [26 + 2 * index, corner.latitude - center.latitude],
      [27 + 2 * index, corner.longitude - center.longitude],
    ]),
    [48, security],
    [56, Math.round(speed)],
    [65, 19],
    ...corners.flatMap((corner, index): [number, Encodable][] => [
      [82 + 2 * index, corner.latitude],
      [83 + 2 * index, corner.longitude],
    ]),
  ];
  return encodePacket(items);
}
