// Sets about the picture itself that ST 0601 nests: ST 1002 range images, ST 1206 synthetic aperture radar, ST 1601
// geo-registration, ST 1602 composite imaging.
import { float, imapb, named, one, pack, raw, set, signed, text, unsigned, uuid } from './coding.js';
import { float32, oid, sized, type Field } from './pack.js';
import { multiArray } from './st1303.js';
import { tableOf, type Row } from './table.js';

/** One byte: compression in bits 0 to 2, kind in 3 to 5, source in 6 and 7 (ST 1002, range image enumerations). */
const rangeEnumerations: Field = {
  read: (bytes, at) => {
    const byte = bytes[at] ?? 0;
    const name = (names: readonly string[], value: number): object => ({ value, meaning: names[value] ?? null });
    return {
      value: {
        compression: name(['None', 'Planar Fit'], byte & 7),
        type: name(['Perspective Range Image', 'Depth Range Image'], (byte >> 3) & 7),
        source: name(['Computationally Extracted', 'Range Sensor'], byte >> 6),
      },
      next: at + 1,
    };
  },
  write: (value) => {
    const { compression, type, source } = value as Record<string, { value: number }>;
    return Buffer.from([(compression?.value ?? 0) | ((type?.value ?? 0) << 3) | ((source?.value ?? 0) << 6)]);
  },
};

// prettier-ignore
const transformationRows: readonly Row[] = [
  [1, 'X Equation Numerator - X', float], [2, 'X Equation Numerator - Y', float], [3, 'X Equation Numerator - Constant', float],
  [4, 'Y Equation Numerator - X', float], [5, 'Y Equation Numerator - Y', float], [6, 'Y Equation Numerator - Constant', float],
  [7, 'Denominator - X', float], [8, 'Denominator - Y', float],
  [9, 'SDCC-FLP', raw],
  [10, 'Document Version', unsigned(1, 2)],
  [11, 'Transformation Enumeration', unsigned(1)],
];
const transformationTable = tableOf('ST 1202', transformationRows);

// prettier-ignore
const rangeRows: readonly Row[] = [
  [1, 'Precision Time Stamp', unsigned(8), 'us'],
  [11, 'Document Version', unsigned(1, 2)],
  [12, 'Range Image Enumerations', one(rangeEnumerations)],
  [13, 'Single Point Range Measurement', float, 'm'],
  [14, 'Single Point Range Measurement Uncertainty', float, 'm'],
  [15, 'Single Point Range Measurement Row Coordinate', float, 'px'],
  [16, 'Single Point Range Measurement Column Coordinate', float, 'px'],
  [17, 'Number of Sections in X', unsigned(1, 3)],
  [18, 'Number of Sections in Y', unsigned(1, 3)],
  [19, 'Generalized Transformation Local Set', set(() => transformationTable)],
  [20, 'Section Data Pack', pack([
    ['sectionX', sized(oid())], ['sectionY', sized(oid())],
    ['measurements', sized(multiArray('float'))], ['uncertainty', sized(multiArray('float'))],
    ['planeX', sized(float32)], ['planeY', sized(float32)], ['planeConstant', sized(float32)],
  ])],
];
export const rangeImageTable = tableOf('ST 1002', rangeRows);

const circle = imapb(8, 0, 360);
const quarter = imapb(8, 0, 90);
const squint = imapb(8, -90, 90);
const meters = imapb(8, 0, 1_000_000);

// prettier-ignore
const sarRows: readonly Row[] = [
  [1, 'Grazing Angle', quarter, 'deg'],
  [2, 'Ground Plane Squint Angle', squint, 'deg'],
  [3, 'Look Direction', named(['Left', 'Right'])],
  [4, 'Image Plane', named(['Slant Plane', 'Ground Plane', 'Other'])],
  [5, 'Range Resolution', meters, 'm'],
  [6, 'Cross-Range Resolution', meters, 'm'],
  [7, 'Range Image Plane Pixel Size', meters, 'm'],
  [8, 'Cross-Range Image Plane Pixel Size', meters, 'm'],
  [9, 'Image Rows', unsigned(1, 4), 'px'],
  [10, 'Image Columns', unsigned(1, 4), 'px'],
  [11, 'Range Direction Angle', circle, 'deg'],
  [12, 'True North Direction', circle, 'deg'],
  [13, 'Range Layover Angle', circle, 'deg'],
  [14, 'Ground Aperture Angular Extent', quarter, 'deg'],
  [15, 'Aperture Duration', unsigned(1, 8), 'us'],
  [16, 'Ground Track Angle', circle, 'deg'],
  [17, 'Minimum Detectable Velocity', imapb(8, 0, 100), 'm/s'],
  [18, 'True Pulse Repetition Frequency', meters, 'Hz'],
  [19, 'Pulse Repetition Frequency Scale Factor', imapb(8, 0, 1)],
  [20, 'Transmit RF Center Frequency', imapb(8, 0, 1e12), 'Hz'],
  [21, 'Transmit RF Bandwidth', imapb(8, 0, 1e11), 'Hz'],
  [22, 'Radar Cross Section Scale Factor Polynomial', one(multiArray('float'))],
  [23, 'Reference Frame Precision Time Stamp', unsigned(8), 'us'],
  [24, 'Reference Frame Grazing Angle', quarter, 'deg'],
  [25, 'Reference Frame Ground Plane Squint Angle', squint, 'deg'],
  [26, 'Reference Frame Range Direction Angle', circle, 'deg'],
  [27, 'Reference Frame Range Layover Angle', circle, 'deg'],
  [28, 'Document Version', unsigned(1, 2)],
];
export const sarTable = tableOf('ST 1206', sarRows);

const pixels: readonly (readonly [number, number])[] = [[0, 100], [0, 100], [-1, 1]]; // prettier-ignore
const distances: readonly (readonly [number, number])[] = [[0, 1000], [0, 1000], [-1, 1], [0, 1000], [-1, 1], [-1, 1]]; // prettier-ignore

// prettier-ignore
const registrationRows: readonly Row[] = [
  [1, 'Document Version', unsigned(1, 2)],
  [2, 'Algorithm Name', text],
  [3, 'Algorithm Version', text],
  [4, 'Correspondence Points - Row/Column', one(multiArray('unsigned'))],
  [5, 'Correspondence Points - Latitude/Longitude', one(multiArray('float'))],
  [6, 'Second Image Name', text],
  [7, 'Algorithm Configuration Identifier', uuid],
  [8, 'Correspondence Points - Elevation', one(multiArray('float'))],
  [9, 'Correspondence Points SDCC - Row/Column', one(multiArray(pixels))],
  [10, 'Correspondence Points SDCC - Latitude/Longitude/Elevation', one(multiArray(distances))],
];
export const registrationTable = tableOf('ST 1601', registrationRows);

// prettier-ignore
const compositeRows: readonly Row[] = [
  [1, 'Precision Time Stamp', unsigned(8), 'us'],
  [2, 'Document Version', unsigned(1, 2)],
  [3, 'Source Image Rows', unsigned(1, 4), 'px'],
  [4, 'Source Image Columns', unsigned(1, 4), 'px'],
  [5, 'Source Image AOI Rows', unsigned(1, 4), 'px'],
  [6, 'Source Image AOI Columns', unsigned(1, 4), 'px'],
  [7, 'Source Image AOI Position X', signed(1, 4), 'px'],
  [8, 'Source Image AOI Position Y', signed(1, 4), 'px'],
  [9, 'Sub-Image Rows', unsigned(1, 4), 'px'],
  [10, 'Sub-Image Columns', unsigned(1, 4), 'px'],
  [11, 'Sub-Image Position X', signed(1, 4), 'px'],
  [12, 'Sub-Image Position Y', signed(1, 4), 'px'],
  [13, 'Active Sub-Image Rows', unsigned(1, 4), 'px'],
  [14, 'Active Sub-Image Columns', unsigned(1, 4), 'px'],
  [15, 'Active Sub-Image Offset X', signed(1, 4), 'px'],
  [16, 'Active Sub-Image Offset Y', signed(1, 4), 'px'],
  [17, 'Transparency', unsigned(1)],
  [18, 'Z-Order', unsigned(1)],
];
export const compositeTable = tableOf('ST 1602', compositeRows);
