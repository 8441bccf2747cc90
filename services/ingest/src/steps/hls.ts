// Generating HLS Service Files: a media playlist beside the segments of each rendition.
import { posix } from 'node:path';
import type { EngineResult } from '@sortie/native';
import { writeFileBelow } from '../confined/below.js';
import { mediaPlaylist } from '../hls/media-playlist.js';
import type { Run } from '../run.js';
import type { TelemetryFiles } from './extract-klv.js';

export const playlistBeside = (path: string): string => posix.join(posix.dirname(path), 'index.m3u8');

/** Paths of the playlists written, relative to the layer. */
export async function writePlaylists(
  run: Run,
  made: EngineResult,
  telemetry: TelemetryFiles | null,
): Promise<string[]> {
  const written: string[] = [];
  for (const { initPath, segments } of [...made.rungs, ...made.audio]) {
    const path = playlistBeside(initPath);
    await writeFileBelow(run.parts.directory, path, mediaPlaylist(initPath, segments));
    written.push(path);
  }
  return telemetry ? [...written, telemetry.cuesPlaylist] : written;
}
