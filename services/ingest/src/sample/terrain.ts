// A landscape from above, made by arithmetic: hills of noise, fields, a river, roads. Deterministic.

/** A hash of two integers, 0 to 1. */
function noiseAt(x: number, y: number): number {
  let hash = Math.imul(x, 374_761_393) ^ Math.imul(y, 668_265_263);
  hash = Math.imul(hash ^ (hash >>> 13), 1_274_126_177);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

const smooth = (share: number): number => share * share * (3 - 2 * share);

/** Value noise: random corners, smooth between them. */
function valueNoise(x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const h = smooth(x - left);
  const v = smooth(y - top);
  const upper = noiseAt(left, top) * (1 - h) + noiseAt(left + 1, top) * h;
  const lower = noiseAt(left, top + 1) * (1 - h) + noiseAt(left + 1, top + 1) * h;
  return upper * (1 - v) + lower * v;
}

type Colour = readonly [number, number, number];
const fields: readonly Colour[] = [
  [104, 122, 66],
  [134, 138, 80],
  [92, 108, 58],
  [150, 132, 92],
  [118, 128, 74],
];

function colourAt(metresX: number, metresY: number): Colour {
  const bend = (valueNoise(metresX / 260, metresY / 260) - 0.5) * 220;
  const river = Math.abs(metresX * 0.6 + metresY * 0.8 + bend - 120);
  if (river < 26) return [46, 78, 92];
  if (river < 34) return [158, 148, 112];
  const road = Math.min(Math.abs(metresX - metresY * 0.35 + 180), Math.abs(metresY - 210 - metresX * 0.1));
  if (road < 5) return [146, 142, 136];
  const forest = valueNoise(metresX / 90 + 50, metresY / 90);
  const grain = valueNoise(metresX / 5, metresY / 5);
  if (forest > 0.64) return [38 + grain * 26, 62 + grain * 30, 34 + grain * 18];
  const plot = noiseAt(Math.floor((metresX + metresY * 0.2) / 130), Math.floor((metresY - metresX * 0.2) / 90));
  const [red, green, blue] = fields[Math.floor(plot * fields.length)] ?? [0, 0, 0];
  const light = 0.82 + 0.22 * valueNoise(metresX / 40, metresY / 40) + 0.12 * grain;
  // Rows of crops.
  const row = plot > 0.5 ? 1 + 0.05 * Math.sin(metresX / 1.9) : 1;
  return [red * light * row, green * light * row, blue * light * row];
}

/** A square picture in binary PPM, north up, its middle at 0, 0. */
export function terrainPpm(pixels: number, metresPerPixel: number): Buffer {
  const header = Buffer.from(`P6\n${pixels} ${pixels}\n255\n`);
  const body = Buffer.alloc(pixels * pixels * 3);
  let at = 0;
  for (let y = 0; y < pixels; y++) {
    for (let x = 0; x < pixels; x++) {
      const [red, green, blue] = colourAt((x - pixels / 2) * metresPerPixel, (y - pixels / 2) * metresPerPixel);
      body[at++] = Math.min(255, red);
      body[at++] = Math.min(255, green);
      body[at++] = Math.min(255, blue);
    }
  }
  return Buffer.concat([header, body]);
}
