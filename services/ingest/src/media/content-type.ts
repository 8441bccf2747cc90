// Media types of the files of a layer, by extension.
import { posix } from 'node:path';

const types: Record<string, string> = {
  '.m3u8': 'application/vnd.apple.mpegurl', // RFC 8216 section 4
  '.mp4': 'video/mp4',
  '.m4s': 'video/iso.segment',
  '.vtt': 'text/vtt; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.json': 'application/json',
  '.geojson': 'application/geo+json', // RFC 7946 section 12
  '.ndjson': 'application/x-ndjson',
  '.csv': 'text/csv; charset=utf-8',
};

export const contentType = (path: string): string => types[posix.extname(path)] ?? 'application/octet-stream';
