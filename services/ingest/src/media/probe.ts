// Probing with ffprobe. The binary may be old and the file hostile: it runs without network, sees one file, is given the
// demuxer, and is bounded in time, memory and output.
import { SortieError } from '@sortie/common/errors';
import { childError } from '../confined/ending.js';
import { parseUntrusted } from '../confined/json.js';
import { runConfined } from '../confined/run.js';
import { dateIn } from '../sidecar/date.js';

export interface ProbedStream {
  index: number;
  type: string;
  /** Empty when ffprobe does not know it. */
  codec: string;
  /** Four-character code of the container. */
  tag: string;
  width: number;
  height: number;
  pixelFormat: string;
  /** "30000/1001"; "0/0" when unknown. */
  averageRate: string;
  realRate: string;
  /** "1:1"; "0:1" when unknown. */
  sampleAspect: string;
  fieldOrder: string;
  transfer: string;
  /** Bits of a sample, from the pixel format's name: yuv420p10le has 10, most others 8. */
  bitDepth: number;
  /** Degrees by which a player turns the picture counter-clockwise, as ffprobe tells it: -90 is a quarter clockwise. */
  rotation: number;
  /** The nine numbers of the display matrix, when there is one. */
  displayMatrix: number[] | null;
  duration: number | null;
  channels: number;
  sampleRate: number;
  language: string;
  /** Seconds; 0 when it is not told. */
  start: number;
  /** Frames in the stream, or in the part of it that was counted; null when nobody knows. */
  frames: number | null;
  /** The one that the container names for players that do not ask. */
  isDefault: boolean;
  /** A cover or another single picture, not a video. */
  still: boolean;
  /** The container says that the content is encrypted. */
  encrypted: boolean;
}

/** What belongs together in a transport stream (ISO 13818-1, 2.4.4.8). */
export interface ProbedProgram {
  number: number;
  /** Indexes of its streams. */
  streams: number[];
}

export interface Probed {
  streams: ProbedStream[];
  programs: ProbedProgram[];
  /** Of the first picture or sound, seconds; 0 when it is not told. */
  start: number;
  duration: number | null;
  bitRate: number | null;
  /** When the file says that it was recorded: microseconds since 1970 (UTC); null when it does not. */
  creationTime: number | null;
}

const timeoutMs = 60_000;
const memoryBytes = 2 * 1024 ** 3;
const cpuSeconds = 50;
const outputBytes = 16 * 1024 * 1024;

/** Frames are counted in so much of a file, seconds. */
const countSeconds = 20;

/** `count`: also the frames of each stream at the beginning, for containers that do not tell. Throws PROBE_LIMIT, DAMAGED_VIDEO with ffprobe's own words, or a ChildError when ffprobe itself came to harm. */
export async function probe(
  ffprobe: string,
  path: string,
  demuxer: string,
  signal: AbortSignal,
  count = false,
): Promise<Probed> {
  const chunks: Buffer[] = [];
  let size = 0;
  const ending = await runConfined(
    {
      command: (inside) => [
        inside(ffprobe), '-v', 'error', '-f', demuxer, '-protocol_whitelist', 'file', '-probesize', '20M', '-analyzeduration', '15M',
        ...(count ? ['-count_packets', '-read_intervals', `%+${countSeconds}`] : []),
        '-show_streams', '-show_programs', '-show_format', '-of', 'json', `file:${inside(path)}`,
      ],
      read: [path, ffprobe],
      write: null,
      code: [],
      codeRoot: null,
      gpu: false,
      limits: { addressSpace: memoryBytes, data: null, cpuSeconds, fileSize: 0, openFiles: null },
      env: {},
      cwd: undefined,
      outputFd: 1,
      input: () => '',
    },
    {
      signal,
      stallMs: () => null,
      timeoutMs,
      onOutput: (chunk) => {
        chunks.push(chunk);
        size += chunk.length;
        return size <= outputBytes ? 'more' : 'flood';
      },
      onLine: () => undefined,
    },
  ); // prettier-ignore
  switch (ending.reason) {
    case 'CPU time':
    case 'output size':
    case 'timed out':
    case 'flooded':
      throw new SortieError('PROBE_LIMIT', 'The file could not be probed within the limits of time and output.');
    case 'out of memory':
    case 'killed':
    case 'not started':
      throw childError('The probe', ending);
    default: {
      // A crash of ffprobe, like its refusal, is the file's doing.
      const found = parseProbe(Buffer.concat(chunks).toString('utf8'));
      if (found && found.streams.length > 0) return found;
      if (ownFailures.includes(ending.exitCode ?? 0))
        throw childError('The probe', { ...ending, reason: 'not started' });
      throw new SortieError('DAMAGED_VIDEO', refusal(ending.stderr, demuxer));
    }
  }
}

/** Exit codes with which sortie-confine tells that the program did not start. */
const ownFailures = [125, 126, 127];

/** What ffprobe's words mean for the owner of the file. */
const meanings: readonly [RegExp, string][] = [
  [/moov atom not found/, 'The recording or the upload was cut off: the index of the file (moov), which is written last, is missing. Upload the whole file, or let the maker\'s tool repair it.'],
  [/partial file|truncat|premature end|end of file/i, 'The recording or the upload was cut off: the file ends before its content does. Upload the whole file.'],
]; // prettier-ignore

/** The name that the file has there (confined/hand-over.ts). */
const nameInside = /(?:file:)?\/proc\/self\/fd\/\d+/g;

/** Why a file cannot be read. ffprobe's own last words are kept, without that name, which is ours and not the user's. */
function refusal(stderr: readonly string[], demuxer: string): string {
  const lines = stderr
    .map((text) => text.replace(/^\[[^\]]*\]\s*/, '').trim())
    .map((text) => text.replace(nameInside, 'the file').replace(/^the file: /, ''))
    .filter((text) => text !== '');
  const words = [...new Set(lines.slice(-keptLines))].join('; ').slice(0, keptLength);
  const meaning = meanings.find(([form]) => lines.some((line) => form.test(line)))?.[1];
  const said = words === '' ? 'it holds no stream' : words;
  return meaning ? `${meaning} (${said})` : `The file cannot be read as ${demuxer}: ${said}`;
}

const keptLines = 2;
const keptLength = 300;

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** Longer words are not ffprobe's; a display matrix has some 100 characters. */
const longestText = 1_000;
const text = (value: unknown): string => (typeof value === 'string' && value.length <= longestText ? value : '');
const number = (value: unknown): number => {
  const parsed = typeof value === 'string' || typeof value === 'number' ? Number(value) : 0;
  // Nothing that is counted or timed here comes near the end of whole numbers.
  return Math.abs(parsed) <= Number.MAX_SAFE_INTEGER ? parsed : 0;
};
const positive = (value: unknown): number | null => (number(value) > 0 ? number(value) : null);

/** As many as there are PIDs in a transport stream (ISO 13818-1, 2.4.3.3). */
const mostStreams = 8192;

/** ffprobe's JSON as typed facts; null when it is none. What is missing becomes empty, 0 or null. */
export function parseProbe(json: string): Probed | null {
  const root = parseUntrusted(json);
  if (!isObject(root)) return null;
  const format = isObject(root['format']) ? root['format'] : {};
  const streams = Array.isArray(root['streams']) ? root['streams'].filter(isObject) : [];
  if (streams.length > mostStreams) return null;
  return {
    streams: streams.map(parseStream),
    programs: parsePrograms(root['programs']),
    start: number(format['start_time']),
    duration: positive(format['duration']),
    bitRate: positive(format['bit_rate']),
    creationTime: creationTimeOf(isObject(format['tags']) ? format['tags'] : {}),
  };
}

/** Dispositions of what is no moving picture (libavformat/avformat.h, AV_DISPOSITION_*). */
const stills = ['attached_pic', 'timed_thumbnails', 'still_image'];

function parsePrograms(value: unknown): ProbedProgram[] {
  const programs = Array.isArray(value) ? value.filter(isObject) : [];
  return programs.map((program) => ({
    number: number(program['program_num']),
    streams: (Array.isArray(program['streams']) ? program['streams'].filter(isObject) : []).map((stream) =>
      number(stream['index']),
    ),
  }));
}

/** The first date that a muxer wrote for want of one: 1970 of Unix, 1904 of QuickTime. */
const leastCreation = Date.UTC(1971, 0, 1) * 1000;

function creationTimeOf(tags: Json): number | null {
  const created = dateIn(text(tags['creation_time']));
  return created !== null && created > leastCreation ? created : null;
}

function parseStream(stream: Json): ProbedStream {
  const sideData = Array.isArray(stream['side_data_list']) ? stream['side_data_list'].filter(isObject) : [];
  const matrix = sideData.find((entry) => entry['side_data_type'] === 'Display Matrix');
  const tags = isObject(stream['tags']) ? stream['tags'] : {};
  const disposition = isObject(stream['disposition']) ? stream['disposition'] : {};
  return {
    index: number(stream['index']),
    type: text(stream['codec_type']),
    codec: text(stream['codec_name']),
    tag: text(stream['codec_tag_string']),
    width: number(stream['width']),
    height: number(stream['height']),
    pixelFormat: text(stream['pix_fmt']),
    bitDepth: Number(/p(\d+)[lb]e$/.exec(text(stream['pix_fmt']))?.[1] ?? 8),
    averageRate: text(stream['avg_frame_rate']),
    realRate: text(stream['r_frame_rate']),
    sampleAspect: text(stream['sample_aspect_ratio']),
    fieldOrder: text(stream['field_order']),
    transfer: text(stream['color_transfer']),
    rotation: number(matrix?.['rotation']),
    displayMatrix: matrix ? parseMatrix(text(matrix['displaymatrix'])) : null,
    duration: positive(stream['duration']),
    channels: number(stream['channels']),
    sampleRate: number(stream['sample_rate']),
    language: text(tags['language']),
    start: number(stream['start_time']),
    frames:
      positive(stream['nb_frames']) ??
      (stream['nb_read_packets'] === undefined ? null : number(stream['nb_read_packets'])),
    isDefault: number(disposition['default']) === 1,
    still: stills.some((name) => number(disposition[name]) === 1),
    // Matroska's ContentEncKeyID, as libavformat tells it.
    encrypted: text(tags['enc_key_id']) !== '',
  };
}

/** Three lines "00000000:  0  65536  0". */
function parseMatrix(dump: string): number[] | null {
  const numbers = dump
    .split('\n')
    .flatMap((line) =>
      line
        .replace(/^[0-9a-f]{8}:/, '')
        .trim()
        .split(/\s+/),
    )
    .filter((word) => /^-?\d+$/.test(word))
    .map(Number);
  return numbers.length === 9 ? numbers : null;
}
