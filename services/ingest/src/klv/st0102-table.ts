// MISB ST 0102.12: the Security Metadata local and universal sets. An unknown or absent classification is never
// "unclassified": see health.ts.
import { named, raw, text, unsigned, utf16, type Names } from './coding.js';
import { tableOf, type Row } from './table.js';
import { universalTableOf, type UniversalRow } from './universal.js';

export const classifications: Names = { 1: 'Unclassified', 2: 'Restricted', 3: 'Confidential', 4: 'Secret', 5: 'Top Secret' }; // prettier-ignore

export const countryMethods: Names = {
  1: 'ISO-3166 Two Letter', 2: 'ISO-3166 Three Letter', 3: 'FIPS 10-4 Two Letter', 4: 'FIPS 10-4 Four Letter',
  5: 'ISO-3166 Numeric', 6: '1059 Two Letter', 7: '1059 Three Letter', 10: 'FIPS 10-4 Mixed', 11: 'ISO-3166 Mixed',
  12: 'STANAG 1059 Mixed', 13: 'GENC Two Letter', 14: 'GENC Three Letter', 15: 'GENC Numeric', 16: 'GENC Mixed',
  64: 'GENC AdminSub',
}; // prettier-ignore

// prettier-ignore
const rows: readonly Row[] = [
  [1, 'Security Classification', named(classifications)],
  [2, 'Classifying Country and Releasing Instructions Country Coding Method', named(countryMethods)],
  [3, 'Classifying Country', text],
  [4, 'Security-SCI/SHI Information', text],
  [5, 'Caveats', text],
  [6, 'Releasing Instructions', text],
  [7, 'Classified By', text],
  [8, 'Derived From', text],
  [9, 'Classification Reason', text],
  [10, 'Declassification Date', text],
  [11, 'Classification and Marking System', text],
  [12, 'Object Country Coding Method', named(countryMethods)],
  [13, 'Object Country Codes', utf16],
  [14, 'Classification Comments', text],
  [15, 'UMID Video', raw],
  [16, 'UMID Audio', raw],
  [17, 'UMID Data', raw],
  [18, 'UMID System', raw],
  [19, 'Stream ID', unsigned(1)],
  [20, 'Transport Stream ID', unsigned(2)],
  [21, 'Item Designator ID', raw],
  [22, 'Version', unsigned(2)],
  [23, 'Classifying Country and Releasing Instructions Country Coding Method Version Date', text],
  [24, 'Object Country Coding Method Version Date', text],
];

export const securityTable = tableOf('ST 0102', rows);

// prettier-ignore
const universalRows: readonly UniversalRow[] = [
  ['010101030208020100000000', 'Security Classification', text],
  ['010101030701200102070000', 'Classifying Country and Releasing Instructions Country Coding Method', text],
  ['010101030701200102080000', 'Classifying Country', text],
  ['010101010e01020302000000', 'Security-SCI/SHI Information', text],
  ['010101030208020200000000', 'Caveats', text],
  ['010101030701200102090000', 'Releasing Instructions', text],
  ['010101030208020300000000', 'Classified By', text],
  ['010101030208020600000000', 'Derived From', text],
  ['010101030208020400000000', 'Classification Reason', text],
  ['010101030208020500000000', 'Declassification Date', text],
  ['010101030208020800000000', 'Classification and Marking System', text],
  ['010101030701200102060000', 'Object Country Coding Method', text],
  ['010101030701200102010100', 'Object Country Codes', utf16],
  ['010101030208020700000000', 'Classification Comments', text],
  ['010101030103040200000000', 'Stream ID', unsigned(1)],
  ['010101030103040300000000', 'Transport Stream ID', unsigned(2)],
  ['010101030103060100000000', 'Item Designator ID', raw],
  ['010101010e01020504000000', 'Version', unsigned(2)],
  ['010101010e01040303000000', 'Classifying Country and Releasing Instructions Country Coding Method Version Date', text],
  ['010101010e01040304000000', 'Object Country Coding Method Version Date', text],
];
export const securityUniversalTable = universalTableOf('ST 0102', universalRows);
