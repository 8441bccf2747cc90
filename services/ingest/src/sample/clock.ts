// A clock to burn into pictures: digits of five by seven dots, so that no font has to be installed.

// prettier-ignore
const glyphs: Record<string, readonly string[]> = {
  '0': ['01110', '10001', '10011', '10101', '11001', '10001', '01110'],
  '1': ['00100', '01100', '00100', '00100', '00100', '00100', '01110'],
  '2': ['01110', '10001', '00001', '00110', '01000', '10000', '11111'],
  '3': ['11110', '00001', '00001', '01110', '00001', '00001', '11110'],
  '4': ['00010', '00110', '01010', '10010', '11111', '00010', '00010'],
  '5': ['11111', '10000', '11110', '00001', '00001', '10001', '01110'],
  '6': ['00110', '01000', '10000', '11110', '10001', '10001', '01110'],
  '7': ['11111', '00001', '00010', '00100', '01000', '01000', '01000'],
  '8': ['01110', '10001', '10001', '01110', '10001', '10001', '01110'],
  '9': ['01110', '10001', '10001', '01111', '00001', '00010', '01100'],
  '-': ['00000', '00000', '00000', '11111', '00000', '00000', '00000'],
  ':': ['00000', '00100', '00000', '00000', '00000', '00100', '00000'],
  '.': ['00000', '00000', '00000', '00000', '00000', '01100', '01100'],
  T: ['11111', '00100', '00100', '00100', '00100', '00100', '00100'],
  Z: ['11111', '00001', '00010', '00100', '01000', '10000', '11111'],
};
const advance = 6;
const lines = 9;

export interface ClockSize {
  width: number;
  height: number;
}

export const clockSize = (characters: number, scale: number): ClockSize => ({
  width: 2 * Math.ceil(((characters * advance + 1) * scale) / 2),
  height: 2 * Math.ceil((lines * scale) / 2),
});

/** White on black, one byte a pixel. */
export function clockPicture(text: string, scale: number): Buffer {
  const { width, height } = clockSize(text.length, scale);
  const picture = Buffer.alloc(width * height, 16);
  Array.from(text).forEach((character, index) => {
    glyphs[character]?.forEach((line, row) => {
      Array.from(line).forEach((dot, column) => {
        if (dot !== '1') return;
        const left = (index * advance + 1 + column) * scale;
        for (let y = (row + 1) * scale; y < (row + 2) * scale; y++)
          picture.fill(235, y * width + left, y * width + left + scale);
      });
    });
  });
  return picture;
}
