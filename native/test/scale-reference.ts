// The GPU's scaling once more, written from its description and from nothing else: cubic weights (B 0, C 0.6) stretched
// over what a target sample covers, 14-bit integers, two passes with 6 bits kept between them.

interface Bank {
  taps: number;
  first: number[];
  weights: number[][];
}

const cubic = (x: number): number => {
  const t = Math.abs(x);
  if (t < 1) return 1.4 * t ** 3 - 2.4 * t ** 2 + 1;
  return t < 2 ? 0.6 * (-(t ** 3) + 5 * t ** 2 - 8 * t + 4) : 0;
};

// C's lround: halves away from zero.
const round = (value: number): number => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);

function bank(target: number, scale: number, placeOf: (index: number) => number): Bank {
  const stretch = Math.max(1, scale);
  const taps = Math.ceil(4 * stretch) + 1;
  const first: number[] = [];
  const weights: number[][] = [];
  for (let i = 0; i < target; i++) {
    const place = placeOf(i);
    const from = Math.ceil(place - 2 * stretch);
    const exact = Array.from({ length: taps }, (_, tap) => cubic((from + tap - place) / stretch));
    const sum = exact.reduce((a, b) => a + b, 0);
    let told = 0;
    let given = 0;
    first.push(from);
    weights.push(
      exact.map((weight) => {
        told += (weight / sum) * 16384;
        const upTo = round(told);
        const here = upTo - given;
        given = upTo;
        return here;
      }),
    );
  }
  return { taps, first, weights };
}

const clamp = (value: number, most: number): number => Math.max(0, Math.min(most, value));

function scalePlane(source: Uint8Array, width: number, height: number, across: Bank, down: Bank): Uint8Array {
  const targetWidth = across.first.length;
  const between = new Int16Array(targetWidth * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < targetWidth; x++) {
      let sum = 1 << 7;
      across.weights[x]?.forEach((weight, tap) => {
        sum += weight * (source[y * width + clamp((across.first[x] ?? 0) + tap, width - 1)] ?? 0);
      });
      between[y * targetWidth + x] = sum >> 8;
    }
  }
  const made = new Uint8Array(targetWidth * down.first.length);
  down.weights.forEach((weights, y) => {
    for (let x = 0; x < targetWidth; x++) {
      let sum = 1 << 19;
      weights.forEach((weight, tap) => {
        sum += weight * (between[clamp((down.first[y] ?? 0) + tap, height - 1) * targetWidth + x] ?? 0);
      });
      made[y * targetWidth + x] = clamp(sum >> 20, 255);
    }
  });
  return made;
}

/** 4:2:0, 8 bits, limited range, chroma left-sited: planes one after the other, as rawvideo yuv420p. */
export function scaleReference(picture: Uint8Array, from: [number, number], to: [number, number]): Uint8Array {
  const [width, height] = from;
  const [targetWidth, targetHeight] = to;
  const [cw, ch] = [(width + 1) >> 1, (height + 1) >> 1];
  const [sx, sy] = [width / targetWidth, height / targetHeight];
  const luma = (scale: number) => (i: number) => (i + 0.5) * scale - 0.5;
  const chromaX = (i: number): number => ((2 * i + 0.5) * sx - 0.5) / 2;
  const chromaY = (i: number): number => ((2 * i + 1) * sy - 1) / 2;
  const planes = [
    { offset: 0, w: width, h: height, x: bank(targetWidth, sx, luma(sx)), y: bank(targetHeight, sy, luma(sy)) },
    { offset: width * height, w: cw, h: ch, x: bank(targetWidth / 2, sx, chromaX), y: bank(targetHeight / 2, sy, chromaY) },
    { offset: width * height + cw * ch, w: cw, h: ch, x: bank(targetWidth / 2, sx, chromaX), y: bank(targetHeight / 2, sy, chromaY) },
  ]; // prettier-ignore
  return Buffer.concat(
    planes.map(({ offset, w, h, x, y }) => scalePlane(picture.subarray(offset, offset + w * h), w, h, x, y)),
  );
}
