// Media playlists (RFC 8216 section 4.3.3) of CMAF renditions.
import { posix } from 'node:path';

export interface PlaylistSegment {
  /** Relative to the layer. */
  path: string;
  duration: number;
}

/** EXTINF is rounded to an integer for the target duration (RFC 8216 section 4.3.3.1). */
export const targetDuration = (segments: readonly { duration: number }[]): number =>
  Math.max(1, ...segments.map((segment) => Math.round(segment.duration)));

/** A whole, finished rendition. Its segments and its initialisation section lie beside it. */
export function mediaPlaylist(initPath: string, segments: readonly PlaylistSegment[]): string {
  return [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    `#EXT-X-TARGETDURATION:${targetDuration(segments)}`,
    '#EXT-X-MEDIA-SEQUENCE:1',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    `#EXT-X-MAP:URI="${posix.basename(initPath)}"`,
    ...segments.flatMap((segment) => [`#EXTINF:${segment.duration.toFixed(6)},`, posix.basename(segment.path)]),
    '#EXT-X-ENDLIST',
    '',
  ].join('\n');
}
