// Where the telemetry of a layer lies, relative to the layer.
export const telemetryDirectory = 'telemetry';
export const packetsPath = `${telemetryDirectory}/packets.ndjson`;
export const cuesDirectory = `${telemetryDirectory}/cues`;
export const cuesPlaylistPath = `${cuesDirectory}/index.m3u8`;
export const tablePath = `${telemetryDirectory}/telemetry.csv`;
export const reportPath = `${telemetryDirectory}/report.json`;
export const trackPath = `${telemetryDirectory}/track.geojson`;
export const fullTrackPath = `${telemetryDirectory}/track-full.geojson`;
/** The cues of a segment; `index` counts from 0. */
export const cuesName = (index: number): string => `${String(index + 1).padStart(5, '0')}.vtt`;

/** All that telemetry becomes, beside so many segments of video; `true` for what is always there. */
export const telemetryFiles = (segments: number): Map<string, boolean> =>
  new Map([
    ...[packetsPath, tablePath, reportPath, cuesPlaylistPath].map((path) => [path, true] as const),
    ...[trackPath, fullTrackPath].map((path) => [path, false] as const),
    ...Array.from({ length: segments }, (_, index) => [`${cuesDirectory}/${cuesName(index)}`, true] as const),
  ]);
