// What may be uploaded, by its name and by its first bytes. What the bytes really are is decided by the job; here only
// what can never become a layer is turned away.
import { SortieError } from '@sortie/common/errors';

/** Extensions that are taken: ArcGIS's own first, then what else drones and editors write. */
const videoExtensions = [
  'ts', 'mp4', 'mpg', 'mpeg', 'avi', 'mov', 'mpeg4',
  'm2ts', 'mts', 'm2t', 'tsv', 'm4v', 'mkv', 'webm', 'flv', '3gp', '3g2', 'wmv', 'asf', 'mxf', 'ogv', 'ivf', 'y4m',
  'vob', 'm2v', '264', 'h264', 'avc', '265', 'h265', 'hevc', 'klv',
  // MP4 under other names: the small copies of DJI and GoPro, and their spherical cameras and Insta360's.
  'lrf', 'lrv', 'osv', '360', 'insv',
]; // prettier-ignore
const sidecarExtensions = ['txt', 'csv', 'gpx', 'srt', 'ass'];

/** First bytes of things that are no video whatever they are called. */
const foreign: readonly [string, Buffer][] = [
  ['a program (ELF)', Buffer.from('7f454c46', 'hex')],
  ['a program (PE)', Buffer.from('4d5a9000', 'hex')],
  ['a program (Mach-O)', Buffer.from('cffaedfe', 'hex')],
  ['a script', Buffer.from('#!')],
  ['a ZIP archive', Buffer.from('504b0304', 'hex')],
  ['a gzip archive', Buffer.from('1f8b08', 'hex')],
  ['a 7-Zip archive', Buffer.from('377abcaf271c', 'hex')],
  ['a RAR archive', Buffer.from('526172211a07', 'hex')],
  ['a PDF document', Buffer.from('%PDF-')],
  ['a PNG picture', Buffer.from('89504e470d0a1a0a', 'hex')],
  ['a JPEG picture', Buffer.from('ffd8ff', 'hex')],
  ['a web page', Buffer.from('<!DOCTYPE')],
  ['a web page', Buffer.from('<html')],
];

/** Logs of aircraft and other tracks that are not read. */
const trackExtensions = ['dat', 'log', 'bin', 'tlog', 'ulg', 'kml', 'kmz', 'tcx', 'fit', 'nmea', 'json', 'geojson'];

const longestName = 255;

/** `besideVideo`: KLV packets alone are a sidecar, too, where there is a video that they may belong to. */
export const isSidecar = (extension: string, besideVideo: boolean): boolean =>
  sidecarExtensions.includes(extension) || (besideVideo && extension === 'klv');

/** Which of the inputs of a layer are videos, and which are telemetry beside one. */
export function splitInputs<Input extends { fileName: string }>(
  inputs: readonly Input[],
): { videos: Input[]; sidecars: Input[] } {
  const isVideo = ({ fileName }: Input): boolean => !isSidecar(checkName(fileName), true);
  const besideVideo = inputs.some(isVideo);
  const videos = inputs.filter(({ fileName }) => !isSidecar(checkName(fileName), besideVideo));
  return { videos, sidecars: inputs.filter((input) => !videos.includes(input)) };
}

/** Extension of the client's file name, lower case, without the dot; throws FILE_TYPE_REFUSED when it is not taken. */
export function checkName(fileName: string): string {
  if (fileName === '') throw SortieError.field('file_name', 'is missing');
  if (fileName.length > longestName) throw SortieError.field('file_name', `is longer than ${longestName} characters`);
  const extension = /\.([A-Za-z0-9]{1,8})$/.exec(fileName)?.[1]?.toLowerCase() ?? '';
  if (videoExtensions.includes(extension) || isSidecar(extension, false)) return extension;
  if (extension === '') throw new SortieError('FILE_TYPE_REFUSED', 'The name of the file has no extension; name it by what it holds, for example flight.mp4 or flight.ts.'); // prettier-ignore
  if (trackExtensions.includes(extension))
    throw new SortieError('FILE_TYPE_REFUSED', `Flight logs and tracks of type "${extension}" are not read; convert it to GPX or to a CSV table.`); // prettier-ignore
  throw new SortieError(
    'FILE_TYPE_REFUSED',
    `Files of type "${extension}" are not taken; upload one of ${[...videoExtensions, ...sidecarExtensions].join(', ')}.`,
  );
}

/** Throws FILE_TYPE_REFUSED when the first bytes are those of something else than a video or a text. */
export function checkSignature(head: Buffer): void {
  const found = foreign.find(([, magic]) => head.subarray(0, magic.length).equals(magic));
  if (found) throw new SortieError('FILE_TYPE_REFUSED', `The file is ${found[0]}, not a video; nothing was stored.`);
}
