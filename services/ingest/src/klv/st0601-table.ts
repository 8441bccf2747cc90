// MISB ST 0601.19: the items of the UAS Datalink Local Set, 1 to 143. One line an item; everything that reads, writes or
// names items goes by this table.

/** How the bytes of an item become a value. Lengths are in bytes. */
export type Coding =
  /** x as it is, big-endian. */
  | { kind: 'unsigned'; length: number; longest: number }
  | { kind: 'signed'; length: number; longest: number }
  /** low + x (high - low) / (2^n - 1). */
  | { kind: 'linear'; length: number; low: number; high: number }
  /** x limit / (2^(n-1) - 1), two's complement; the most negative integer means "no value". */
  | { kind: 'symmetric'; length: number; limit: number }
  /** ST 1201 IMAPB(low, high, length found). */
  | { kind: 'imapb'; longest: number; low: number; high: number }
  /** UTF-8. */
  | { kind: 'text' }
  /** A pack or a nested set, kept as it came. */
  | { kind: 'raw' };

export interface ItemDefinition {
  tag: number;
  name: string;
  coding: Coding;
  units: string;
}

const unsigned = (length: number, longest = length): Coding => ({ kind: 'unsigned', length, longest });
const signed = (length: number, longest = length): Coding => ({ kind: 'signed', length, longest });
const linear = (length: number, low: number, high: number): Coding => ({ kind: 'linear', length, low, high });
const symmetric = (length: number, limit: number): Coding => ({ kind: 'symmetric', length, limit });
const imapb = (longest: number, low: number, high: number): Coding => ({ kind: 'imapb', longest, low, high });
const text: Coding = { kind: 'text' };
const raw: Coding = { kind: 'raw' };

// prettier-ignore
const rows: readonly (readonly [number, string, Coding, string])[] = [
  [1, 'Checksum', unsigned(2), ''],
  [2, 'Precision Time Stamp', unsigned(8), 'us'],
  [3, 'Mission ID', text, ''],
  [4, 'Platform Tail Number', text, ''],
  [5, 'Platform Heading Angle', linear(2, 0, 360), 'deg'],
  [6, 'Platform Pitch Angle', symmetric(2, 20), 'deg'],
  [7, 'Platform Roll Angle', symmetric(2, 50), 'deg'],
  [8, 'Platform True Airspeed', linear(1, 0, 255), 'm/s'],
  [9, 'Platform Indicated Airspeed', linear(1, 0, 255), 'm/s'],
  [10, 'Platform Designation', text, ''],
  [11, 'Image Source Sensor', text, ''],
  [12, 'Image Coordinate System', text, ''],
  [13, 'Sensor Latitude', symmetric(4, 90), 'deg'],
  [14, 'Sensor Longitude', symmetric(4, 180), 'deg'],
  [15, 'Sensor True Altitude', linear(2, -900, 19000), 'm'],
  [16, 'Sensor Horizontal Field of View', linear(2, 0, 180), 'deg'],
  [17, 'Sensor Vertical Field of View', linear(2, 0, 180), 'deg'],
  [18, 'Sensor Relative Azimuth Angle', linear(4, 0, 360), 'deg'],
  [19, 'Sensor Relative Elevation Angle', symmetric(4, 180), 'deg'],
  [20, 'Sensor Relative Roll Angle', linear(4, 0, 360), 'deg'],
  [21, 'Slant Range', linear(4, 0, 5_000_000), 'm'],
  [22, 'Target Width', linear(2, 0, 10000), 'm'],
  [23, 'Frame Center Latitude', symmetric(4, 90), 'deg'],
  [24, 'Frame Center Longitude', symmetric(4, 180), 'deg'],
  [25, 'Frame Center Elevation', linear(2, -900, 19000), 'm'],
  [26, 'Offset Corner Latitude Point 1', symmetric(2, 0.075), 'deg'],
  [27, 'Offset Corner Longitude Point 1', symmetric(2, 0.075), 'deg'],
  [28, 'Offset Corner Latitude Point 2', symmetric(2, 0.075), 'deg'],
  [29, 'Offset Corner Longitude Point 2', symmetric(2, 0.075), 'deg'],
  [30, 'Offset Corner Latitude Point 3', symmetric(2, 0.075), 'deg'],
  [31, 'Offset Corner Longitude Point 3', symmetric(2, 0.075), 'deg'],
  [32, 'Offset Corner Latitude Point 4', symmetric(2, 0.075), 'deg'],
  [33, 'Offset Corner Longitude Point 4', symmetric(2, 0.075), 'deg'],
  [34, 'Icing Detected', unsigned(1), ''],
  [35, 'Wind Direction', linear(2, 0, 360), 'deg'],
  [36, 'Wind Speed', linear(1, 0, 100), 'm/s'],
  [37, 'Static Pressure', linear(2, 0, 5000), 'mbar'],
  [38, 'Density Altitude', linear(2, -900, 19000), 'm'],
  [39, 'Outside Air Temperature', signed(1), 'degC'],
  [40, 'Target Location Latitude', symmetric(4, 90), 'deg'],
  [41, 'Target Location Longitude', symmetric(4, 180), 'deg'],
  [42, 'Target Location Elevation', linear(2, -900, 19000), 'm'],
  [43, 'Target Track Gate Width', linear(1, 0, 510), 'px'],
  [44, 'Target Track Gate Height', linear(1, 0, 510), 'px'],
  [45, 'Target Error Estimate - CE90', linear(2, 0, 4095), 'm'],
  [46, 'Target Error Estimate - LE90', linear(2, 0, 4095), 'm'],
  [47, 'Generic Flag Data', unsigned(1), ''],
  [48, 'Security Local Set', raw, ''],
  [49, 'Differential Pressure', linear(2, 0, 5000), 'mbar'],
  [50, 'Platform Angle of Attack', symmetric(2, 20), 'deg'],
  [51, 'Platform Vertical Speed', symmetric(2, 180), 'm/s'],
  [52, 'Platform Sideslip Angle', symmetric(2, 20), 'deg'],
  [53, 'Airfield Barometric Pressure', linear(2, 0, 5000), 'mbar'],
  [54, 'Airfield Elevation', linear(2, -900, 19000), 'm'],
  [55, 'Relative Humidity', linear(1, 0, 100), '%'],
  [56, 'Platform Ground Speed', linear(1, 0, 255), 'm/s'],
  [57, 'Ground Range', linear(4, 0, 5_000_000), 'm'],
  [58, 'Platform Fuel Remaining', linear(2, 0, 10000), 'kg'],
  [59, 'Platform Call Sign', text, ''],
  [60, 'Weapon Load', unsigned(2), ''],
  [61, 'Weapon Fired', unsigned(1), ''],
  [62, 'Laser PRF Code', unsigned(2), ''],
  [63, 'Sensor Field of View Name', unsigned(1), ''],
  [64, 'Platform Magnetic Heading', linear(2, 0, 360), 'deg'],
  [65, 'UAS Datalink LS Version Number', unsigned(1), ''],
  [66, 'Target Location Covariance Matrix (deprecated)', raw, ''],
  [67, 'Alternate Platform Latitude', symmetric(4, 90), 'deg'],
  [68, 'Alternate Platform Longitude', symmetric(4, 180), 'deg'],
  [69, 'Alternate Platform Altitude', linear(2, -900, 19000), 'm'],
  [70, 'Alternate Platform Name', text, ''],
  [71, 'Alternate Platform Heading', linear(2, 0, 360), 'deg'],
  [72, 'Event Start Time', unsigned(8), 'us'],
  [73, 'RVT Local Set', raw, ''],
  [74, 'VMTI Local Set', raw, ''],
  [75, 'Sensor Ellipsoid Height', linear(2, -900, 19000), 'm'],
  [76, 'Alternate Platform Ellipsoid Height', linear(2, -900, 19000), 'm'],
  [77, 'Operational Mode', unsigned(1), ''],
  [78, 'Frame Center Height Above Ellipsoid', linear(2, -900, 19000), 'm'],
  [79, 'Sensor North Velocity', symmetric(2, 327), 'm/s'],
  [80, 'Sensor East Velocity', symmetric(2, 327), 'm/s'],
  [81, 'Image Horizon Pixel Pack', raw, ''],
  [82, 'Corner Latitude Point 1 (Full)', symmetric(4, 90), 'deg'],
  [83, 'Corner Longitude Point 1 (Full)', symmetric(4, 180), 'deg'],
  [84, 'Corner Latitude Point 2 (Full)', symmetric(4, 90), 'deg'],
  [85, 'Corner Longitude Point 2 (Full)', symmetric(4, 180), 'deg'],
  [86, 'Corner Latitude Point 3 (Full)', symmetric(4, 90), 'deg'],
  [87, 'Corner Longitude Point 3 (Full)', symmetric(4, 180), 'deg'],
  [88, 'Corner Latitude Point 4 (Full)', symmetric(4, 90), 'deg'],
  [89, 'Corner Longitude Point 4 (Full)', symmetric(4, 180), 'deg'],
  [90, 'Platform Pitch Angle (Full)', symmetric(4, 90), 'deg'],
  [91, 'Platform Roll Angle (Full)', symmetric(4, 90), 'deg'],
  [92, 'Platform Angle of Attack (Full)', symmetric(4, 90), 'deg'],
  [93, 'Platform Sideslip Angle (Full)', symmetric(4, 180), 'deg'],
  [94, 'MIIS Core Identifier', raw, ''],
  [95, 'SAR Motion Imagery Local Set', raw, ''],
  [96, 'Target Width Extended', imapb(8, 0, 1_500_000), 'm'],
  [97, 'Range Image Local Set', raw, ''],
  [98, 'Geo-Registration Local Set', raw, ''],
  [99, 'Composite Imaging Local Set', raw, ''],
  [100, 'Segment Local Set', raw, ''],
  [101, 'Amend Local Set', raw, ''],
  [102, 'SDCC-FLP', raw, ''],
  [103, 'Density Altitude Extended', imapb(8, -900, 40000), 'm'],
  [104, 'Sensor Ellipsoid Height Extended', imapb(8, -900, 40000), 'm'],
  [105, 'Alternate Platform Ellipsoid Height Extended', imapb(8, -900, 40000), 'm'],
  [106, 'Stream Designator', text, ''],
  [107, 'Operational Base', text, ''],
  [108, 'Broadcast Source', text, ''],
  [109, 'Range to Recovery Location', imapb(4, 0, 21000), 'km'],
  [110, 'Time Airborne', unsigned(1, 4), 's'],
  [111, 'Propulsion Unit Speed', unsigned(1, 4), 'rpm'],
  [112, 'Platform Course Angle', imapb(8, 0, 360), 'deg'],
  [113, 'Altitude AGL', imapb(4, -900, 40000), 'm'],
  [114, 'Radar Altimeter', imapb(4, -900, 40000), 'm'],
  [115, 'Control Command', raw, ''],
  [116, 'Control Command Verification List', raw, ''],
  [117, 'Sensor Azimuth Rate', imapb(4, -1000, 1000), 'deg/s'],
  [118, 'Sensor Elevation Rate', imapb(4, -1000, 1000), 'deg/s'],
  [119, 'Sensor Roll Rate', imapb(4, -1000, 1000), 'deg/s'],
  [120, 'On-board MI Storage Percent Full', imapb(3, 0, 100), '%'],
  [121, 'Active Wavelength List', raw, ''],
  [122, 'Country Codes', raw, ''],
  [123, 'Number of NAVSATs in View', unsigned(1), ''],
  [124, 'Positioning Method Source', unsigned(1), ''],
  [125, 'Platform Status', unsigned(1), ''],
  [126, 'Sensor Control Mode', unsigned(1), ''],
  [127, 'Sensor Frame Rate Pack', raw, ''],
  [128, 'Wavelengths List', raw, ''],
  [129, 'Target ID', text, ''],
  [130, 'Airbase Locations', raw, ''],
  [131, 'Take-off Time', unsigned(1, 8), 'us'],
  [132, 'Transmission Frequency', imapb(4, 1, 99999), 'MHz'],
  [133, 'On-board MI Storage Capacity', unsigned(1, 4), 'GB'],
  [134, 'Zoom Percentage', imapb(4, 0, 100), '%'],
  [135, 'Communications Method', text, ''],
  [136, 'Leap Seconds', signed(1, 4), 's'],
  [137, 'Correction Offset', signed(1, 8), 'us'],
  [138, 'Payload List', raw, ''],
  [139, 'Active Payloads', raw, ''],
  [140, 'Weapons Stores', raw, ''],
  [141, 'Waypoint List', raw, ''],
  [142, 'View Domain', raw, ''],
  [143, 'Metadata Substream ID', raw, ''],];

const definitions: (ItemDefinition | undefined)[] = [];
for (const [tag, name, coding, units] of rows) definitions[tag] = { tag, name, coding, units };

/** Undefined for tags that the standard does not know. */
export const itemDefinition = (tag: number): ItemDefinition | undefined => definitions[tag];

export const itemDefinitions: readonly ItemDefinition[] = definitions.filter((item) => item !== undefined);
