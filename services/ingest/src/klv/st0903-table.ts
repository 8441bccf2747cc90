// MISB ST 0903: the Video Moving Target Indicator local set, its targets and what hangs on them, and VTrack, the same told
// by track. Numbers of .3 to .6 live side by side: a single object (102) and chip (105) of the older, series of them (106,
// 107) of the newer. Up to .3 what is IMAPB now was an integer over the whole range; the version (item 4, VTrack: 11) tells.
import {
  imapb,
  linear,
  named,
  one,
  pack,
  packSeries,
  raw,
  set,
  setSeries,
  symmetric,
  text,
  unsigned,
  uuid,
  type Coding,
  type Names,
} from './coding.js';
import { locationPack, motionPack, numberFields } from './location-pack.js';
import { list, oid, restSet, restUint, sized, uint, type Pack } from './pack.js';
import { coreIdentifier } from './st1204.js';
import { tableOf, type Row, type Table } from './table.js';
import { writeItems, type WritableItem } from './write.js';

/** How numbers with a point are written. */
interface Numbers {
  fieldOfView: Coding;
  offset: Coding;
  height: Coding;
  location: Pack;
  motion: Pack;
}

const mapped: Numbers = {
  fieldOfView: imapb(2, 0, 180),
  offset: imapb(3, -19.2, 19.2),
  height: imapb(2, -900, 19_000),
  location: locationPack(numberFields.mapped),
  motion: motionPack(numberFields.mapped),
};
const integers: Numbers = {
  fieldOfView: linear(2, 0, 180),
  offset: symmetric(3, 19.2),
  height: linear(2, -900, 19_000),
  location: locationPack(numberFields.linear),
  motion: motionPack(numberFields.linear),
};
const lastWithIntegers = 3;

const maskTable = tableOf('ST 0903', [
  [1, 'Polygon', one(list(sized(restUint())))],
  [2, 'Bitmask Series', packSeries([['pixel', sized(restUint())], ['run', restUint()]])],
]); // prettier-ignore

const objectTable = tableOf('ST 0903', [
  [1, 'Ontology', text],
  [2, 'Ontology Class', text],
  [3, 'Ontology ID', unsigned(1, 3)],
  [4, 'Confidence', imapb(3, 0, 100), '%'],
]);

const featureTable = tableOf('ST 0903', [
  [1, 'Schema', text],
  [2, 'Schema Feature', text],
]);

const chipTable = tableOf('ST 0903', [
  [1, 'Image Type', text],
  [2, 'Image URI', text],
  [3, 'Embedded Image', raw],
]);

const detections: Names = ['Inactive', 'Active', 'Dropped', 'Stopped'];

/** Elements that are a number and a local set. */
const numberedSets = (table: Table): Coding =>
  packSeries([
    ['id', oid()],
    ['items', restSet(() => table, (items) => writeItems(table, items as readonly WritableItem[]))],
  ]); // prettier-ignore

// prettier-ignore
const trackerRows = ({ location, motion }: Numbers): readonly Row[] => [
  [1, 'Track ID', uuid],
  [2, 'Detection Status', named(detections)],
  [3, 'Start Time', unsigned(1, 8), 'us'],
  [4, 'End Time', unsigned(1, 8), 'us'],
  [5, 'Boundary Series', packSeries(location)],
  [6, 'Algorithm', text],
  [7, 'Confidence Level', unsigned(1), '%'],
  [8, 'Number of Track Points', unsigned(1, 2)],
  [9, 'Track History Series', packSeries(location)],
  [10, 'Velocity', pack(motion), 'm/s'],
  [11, 'Acceleration', pack(motion), 'm/s²'],
  [12, 'Algorithm ID', unsigned(1, 3)],
];

const focalPlane: Pack = [['row', uint(1)], ['column', uint(1)]]; // prettier-ignore

/** What a target looks like, in targets and in items of tracks. */
const appearance: readonly Row[] = [
  [101, 'Target Mask', set(() => maskTable)],
  [102, 'Target Object', set(() => objectTable)],
  [103, 'Target Feature', set(() => featureTable)],
  [105, 'Target Chip', set(() => chipTable)],
  [106, 'Target Chip Series', setSeries(() => chipTable)],
  [107, 'Target Object Series', setSeries(() => objectTable)],
];

// prettier-ignore
const targetRows = (numbers: Numbers, tracker: Table): readonly Row[] => [
  [1, 'Target Centroid', unsigned(1, 6)],
  [2, 'Bounding Box Top Left Pixel', unsigned(1, 6)],
  [3, 'Bounding Box Bottom Right Pixel', unsigned(1, 6)],
  [4, 'Target Priority', unsigned(1)],
  [5, 'Target Confidence Level', unsigned(1), '%'],
  [6, 'Target History', unsigned(1, 2)],
  [7, 'Percentage of Target Pixels', unsigned(1), '%'],
  [8, 'Target Color', unsigned(3)],
  [9, 'Target Intensity', unsigned(1, 3)],
  [10, 'Target Location Offset Latitude', numbers.offset, 'deg'],
  [11, 'Target Location Offset Longitude', numbers.offset, 'deg'],
  [12, 'Target Height Above Ellipsoid', numbers.height, 'm'],
  [13, 'Bounding Box Top Left Latitude Offset', numbers.offset, 'deg'],
  [14, 'Bounding Box Top Left Longitude Offset', numbers.offset, 'deg'],
  [15, 'Bounding Box Bottom Right Latitude Offset', numbers.offset, 'deg'],
  [16, 'Bounding Box Bottom Right Longitude Offset', numbers.offset, 'deg'],
  [17, 'Target Location', pack(numbers.location)],
  [18, 'Target Boundary Series', packSeries(numbers.location)],
  [19, 'Centroid Pixel Row', unsigned(1, 4)],
  [20, 'Centroid Pixel Column', unsigned(1, 4)],
  [21, 'FPA Index', pack(focalPlane)],
  [22, 'Algorithm ID', unsigned(1, 3)],
  [104, 'Target Tracker', set(() => tracker)],
  ...appearance,
];

const algorithmTable = tableOf('ST 0903', [
  [1, 'ID', unsigned(1, 3)],
  [2, 'Name', text],
  [3, 'Version', text],
  [4, 'Class', text],
  [5, 'Number of Frames', unsigned(1, 3)],
]);

const ontologyTable = tableOf('ST 0903', [
  [1, 'ID', unsigned(1, 3)],
  [2, 'Parent ID', unsigned(1, 3)],
  [3, 'Ontology', text],
  [4, 'Ontology Class', text],
]);

// prettier-ignore
const vmtiRows = ({ fieldOfView }: Numbers, target: Table): readonly Row[] => [
  [1, 'Checksum', unsigned(2)],
  [2, 'Precision Time Stamp', unsigned(1, 8), 'us'],
  [3, 'VMTI System Name', text],
  [4, 'VMTI LS Version Number', unsigned(1, 2)],
  [5, 'Total Number of Targets Detected', unsigned(1, 3)],
  [6, 'Number of Reported Targets', unsigned(1, 3)],
  [7, 'Frame Number', unsigned(1, 3)],
  [8, 'Frame Width', unsigned(1, 3), 'px'],
  [9, 'Frame Height', unsigned(1, 3), 'px'],
  [10, 'VMTI Source Sensor', text],
  [11, 'VMTI Horizontal Field of View', fieldOfView, 'deg'],
  [12, 'VMTI Vertical Field of View', fieldOfView, 'deg'],
  [13, 'MIIS Core Identifier', one(coreIdentifier)],
  [101, 'VTarget Series', numberedSets(target)],
  [102, 'Algorithm Series', setSeries(() => algorithmTable)],
  [103, 'Ontology Series', setSeries(() => ontologyTable)],
];

// prettier-ignore
const trackItemRows = (numbers: Numbers): readonly Row[] => [
  [1, 'Target Time Stamp', unsigned(1, 8), 'us'],
  [2, 'Target Centroid', unsigned(1, 6)],
  [3, 'Centroid Pixel Row', unsigned(1, 4)],
  [4, 'Centroid Pixel Column', unsigned(1, 4)],
  [5, 'Bounding Box Top Left Pixel', unsigned(1, 6)],
  [6, 'Bounding Box Bottom Right Pixel', unsigned(1, 6)],
  [7, 'Target Priority', unsigned(1)],
  [8, 'Target Confidence Level', unsigned(1), '%'],
  [9, 'Target History', unsigned(1, 2)],
  [10, 'Percentage of Target Pixels', unsigned(1), '%'],
  [11, 'Target Color', unsigned(3)],
  [12, 'Target Intensity', unsigned(1, 3)],
  [13, 'Target Location', pack(numbers.location)],
  [14, 'Target Boundary Series', packSeries(numbers.location)],
  [15, 'Velocity', pack(numbers.motion), 'm/s'],
  [16, 'Acceleration', pack(numbers.motion), 'm/s²'],
  [17, 'FPA Index', pack(focalPlane)],
  [18, 'Video Frame Number', unsigned(1, 3)],
  [19, 'MIIS Core Identifier', one(coreIdentifier)],
  [20, 'Frame Width', unsigned(1, 3), 'px'],
  [21, 'Frame Height', unsigned(1, 3), 'px'],
  [22, 'Sensor Horizontal Field of View', numbers.fieldOfView, 'deg'],
  [23, 'Sensor Vertical Field of View', numbers.fieldOfView, 'deg'],
  [24, 'Motion Imagery URL', text],
  ...appearance,
];

// prettier-ignore
const trackRows = ({ location }: Numbers, item: Table): readonly Row[] => [
  [1, 'Checksum', unsigned(2)],
  [2, 'Track Time Stamp', unsigned(1, 8), 'us'],
  [3, 'Track ID', uuid],
  [4, 'Track Status', named(detections)],
  [5, 'Track Start Time', unsigned(1, 8), 'us'],
  [6, 'Track End Time', unsigned(1, 8), 'us'],
  [7, 'Track Boundary Series', packSeries(location)],
  [8, 'Track Algorithm', text],
  [9, 'Track Confidence Level', unsigned(1), '%'],
  [10, 'VMTI System Name', text],
  [11, 'VTrack LS Version Number', unsigned(1, 2)],
  [12, 'VMTI Source Sensor', text],
  [13, 'Number of Track Points', unsigned(1, 2)],
  [101, 'VTrackItem Series', numberedSets(item)],
  [103, 'Ontology Series', setSeries(() => ontologyTable)],
];

const table = (rows: readonly Row[]): Table => tableOf('ST 0903', rows);
const vmti = (numbers: Numbers): Table => table(vmtiRows(numbers, table(targetRows(numbers, table(trackerRows(numbers)))))); // prettier-ignore
const track = (numbers: Numbers): Table => table(trackRows(numbers, table(trackItemRows(numbers))));

export const vmtiTable: Table = {
  ...vmti(mapped),
  earlier: { versionTag: 4, last: lastWithIntegers, table: vmti(integers) },
};

/** A stand-alone report of one track: its items are what VMTI calls targets. */
export const trackTable: Table = {
  ...track(mapped),
  earlier: { versionTag: 11, last: lastWithIntegers, table: track(integers) },
};
