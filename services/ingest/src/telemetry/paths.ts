// Where the telemetry of a layer lies, relative to the layer.
export const telemetryDirectory = 'telemetry';
export const packetsPath = `${telemetryDirectory}/packets.ndjson`;
export const cuesDirectory = `${telemetryDirectory}/cues`;
export const cuesPlaylistPath = `${cuesDirectory}/index.m3u8`;
