// MISB ST 0903: the Video Moving Target Indicator local set, its targets and what hangs on them. Numbers of .3 to .6 live
// side by side: a single object (102) and chip (105) of the older, series of them (106, 107) of the newer.
import {
  imapb,
  named,
  one,
  pack,
  packSeries,
  raw,
  set,
  setSeries,
  text,
  unsigned,
  uuid,
  type Names,
} from './coding.js';
import { locationPack, motionPack } from './location-pack.js';
import { list, oid, restSet, restUint, sized, uint } from './pack.js';
import { coreIdentifier } from './st1204.js';
import { tableOf, type Row } from './table.js';
import { writeItems, type WritableItem } from './write.js';

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

const detections: Names = ['Inactive', 'Active', 'Dropped', 'Stopped'];

// prettier-ignore
const trackerRows: readonly Row[] = [
  [1, 'Track ID', uuid],
  [2, 'Detection Status', named(detections)],
  [3, 'Start Time', unsigned(1, 8), 'us'],
  [4, 'End Time', unsigned(1, 8), 'us'],
  [5, 'Boundary Series', packSeries(locationPack)],
  [6, 'Algorithm', text],
  [7, 'Confidence Level', unsigned(1), '%'],
  [8, 'Number of Track Points', unsigned(1, 2)],
  [9, 'Track History Series', packSeries(locationPack)],
  [10, 'Velocity', pack(motionPack), 'm/s'],
  [11, 'Acceleration', pack(motionPack), 'm/s²'],
  [12, 'Algorithm ID', unsigned(1, 3)],
];
const trackerTable = tableOf('ST 0903', trackerRows);

const chipTable = tableOf('ST 0903', [
  [1, 'Image Type', text],
  [2, 'Image URI', text],
  [3, 'Embedded Image', raw],
]);

const offset = imapb(3, -19.2, 19.2);

// prettier-ignore
const targetRows: readonly Row[] = [
  [1, 'Target Centroid', unsigned(1, 6)],
  [2, 'Bounding Box Top Left Pixel', unsigned(1, 6)],
  [3, 'Bounding Box Bottom Right Pixel', unsigned(1, 6)],
  [4, 'Target Priority', unsigned(1)],
  [5, 'Target Confidence Level', unsigned(1), '%'],
  [6, 'Target History', unsigned(1, 2)],
  [7, 'Percentage of Target Pixels', unsigned(1), '%'],
  [8, 'Target Color', unsigned(3)],
  [9, 'Target Intensity', unsigned(1, 3)],
  [10, 'Target Location Offset Latitude', offset, 'deg'],
  [11, 'Target Location Offset Longitude', offset, 'deg'],
  [12, 'Target Height Above Ellipsoid', imapb(2, -900, 19_000), 'm'],
  [13, 'Bounding Box Top Left Latitude Offset', offset, 'deg'],
  [14, 'Bounding Box Top Left Longitude Offset', offset, 'deg'],
  [15, 'Bounding Box Bottom Right Latitude Offset', offset, 'deg'],
  [16, 'Bounding Box Bottom Right Longitude Offset', offset, 'deg'],
  [17, 'Target Location', pack(locationPack)],
  [18, 'Target Boundary Series', packSeries(locationPack)],
  [19, 'Centroid Pixel Row', unsigned(1, 4)],
  [20, 'Centroid Pixel Column', unsigned(1, 4)],
  [21, 'FPA Index', pack([['row', uint(1)], ['column', uint(1)]])],
  [22, 'Algorithm ID', unsigned(1, 3)],
  [101, 'Target Mask', set(() => maskTable)],
  [102, 'Target Object', set(() => objectTable)],
  [103, 'Target Feature', set(() => featureTable)],
  [104, 'Target Tracker', set(() => trackerTable)],
  [105, 'Target Chip', set(() => chipTable)],
  [106, 'Target Chip Series', setSeries(() => chipTable)],
  [107, 'Target Object Series', setSeries(() => objectTable)],
];
export const targetTable = tableOf('ST 0903', targetRows);

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
const rows: readonly Row[] = [
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
  [11, 'VMTI Horizontal Field of View', imapb(2, 0, 180), 'deg'],
  [12, 'VMTI Vertical Field of View', imapb(2, 0, 180), 'deg'],
  [13, 'MIIS Core Identifier', one(coreIdentifier)],
  [101, 'VTarget Series', packSeries([['id', oid()], ['items', restSet(() => targetTable, (items) => writeItems(targetTable, items as readonly WritableItem[]))]])],
  [102, 'Algorithm Series', setSeries(() => algorithmTable)],
  [103, 'Ontology Series', setSeries(() => ontologyTable)],
];
export const vmtiTable = tableOf('ST 0903', rows);

/** ST 0903 VTrack: a stand-alone report of one track; its items are those of the tracker's world. */
// prettier-ignore
const trackRows: readonly Row[] = [
  [1, 'Checksum', unsigned(2)],
  [2, 'Track Timestamp', unsigned(8), 'us'],
  [3, 'Track ID', uuid],
  [4, 'Track Status', named(detections)],
  [5, 'Track Start Time', unsigned(8), 'us'],
  [6, 'Track End Time', unsigned(8), 'us'],
  [7, 'Track Boundary Series', packSeries(locationPack)],
  [8, 'Track Algorithm', text],
  [9, 'Track Confidence Level', unsigned(1), '%'],
  [10, 'VTrack LS Version Number', unsigned(1, 2)],
  [11, 'System Name', text],
  [12, 'Source Sensor', text],
  [101, 'VTrackItem Series', raw],
];
export const trackTable = tableOf('ST 0903', trackRows);
