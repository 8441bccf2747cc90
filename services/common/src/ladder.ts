// The words of the ladder and their boxes. ArcGIS documents them for VideoLayer.qualities.

export interface Box {
  word: string;
  width: number;
  height: number;
}

/** Smallest first. */
export const ladder: readonly Box[] = [
  { word: 'sd', width: 720, height: 480 },
  { word: 'hd', width: 1280, height: 720 },
  { word: 'fhd', width: 1920, height: 1080 },
  { word: 'qhd', width: 2560, height: 1440 },
  { word: 'uhd', width: 3840, height: 2160 },
];

/** The source's own size. */
export const native = 'native';

export const resolutionWords: readonly string[] = [...ladder.map((box) => box.word), native];

/** Words as people write them: any case, separated by commas, bars or white space. Null when one is unknown. */
export function parseResolutions(text: string): string[] | null {
  const words = text
    .toLowerCase()
    .split(/[\s,|]+/)
    .filter((word) => word !== '');
  return words.every((word) => resolutionWords.includes(word)) ? [...new Set(words)] : null;
}
