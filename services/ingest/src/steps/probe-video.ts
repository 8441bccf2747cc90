// Probing Video Codec: what the file really is, and whether there is a picture in it that can be read.
import { SortieError } from '@sortie/common/errors';
import { restarting } from '../confined/restart.js';
import { probe, type Probed, type ProbedStream } from '../media/probe.js';
import { sniff, type Container } from '../media/sniff.js';
import { needsCount, selectStreams } from '../media/select.js';
import { limits } from '../plan.js';
import type { Run } from '../run.js';
import type { Source } from './start.js';

export interface VideoProbe {
  container: Container;
  probed: Probed;
  video: ProbedStream;
  /** Audio that belongs to it. */
  audio: ProbedStream[];
  /** Of a transport stream with several: the one whose telemetry counts. */
  program: number | null;
}

const encryptedText = 'The video is encrypted; export or record it without encryption, and upload that.';

export async function probeVideo(run: Run, source: Source): Promise<VideoProbe> {
  const container = containerOf(source);
  const ask = (count: boolean): Promise<Probed> =>
    restarting(
      () => probe(run.parts.settings.ffprobe, source.path, container.demuxer, run.signal, count),
      run.signal,
      (error) => run.parts.log.warn({ err: error }, 'the probe is started again'),
    );
  const first = await ask(false);
  const probed = needsCount(first) ? await ask(true) : first;
  const selection = selectStreams(probed);
  checkVideo(selection.video);
  for (const text of selection.leftOut) run.warn('STREAMS_LEFT_OUT', text);
  return { container, probed, ...selection };
}

function containerOf({ file, head }: Source): Container {
  if (file.sizeBytes === 0) throw new SortieError('NOT_A_VIDEO', 'The file is empty.');
  const sniffed = sniff(head);
  switch (sniffed.kind) {
    case 'video':
      return sniffed.container;
    case 'klv':
      throw new SortieError(
        'NO_VIDEO_STREAM',
        'The file holds KLV telemetry alone; publish the video that it belongs to.',
      );
    case 'forbidden':
      throw new SortieError(
        'FORBIDDEN_FORMAT',
        `The file is ${sniffed.what}, which names other files instead of holding a video; upload the video itself.`,
      );
    case 'encrypted':
      throw new SortieError('ENCRYPTED_VIDEO', encryptedText);
    case 'other':
      throw new SortieError('NOT_A_VIDEO', `The file is ${sniffed.name}, which is not taken; convert it to MP4 or to an MPEG transport stream.`); // prettier-ignore
    case 'unknown':
      throw new SortieError('NOT_A_VIDEO', 'The file is not a video: its content is of no known video format.');
  }
}

/** Throws for a video of which it is clear already that it cannot be shown. */
export function checkVideo({ codec, tag, width, height, encrypted }: ProbedStream): void {
  if (encrypted) throw new SortieError('ENCRYPTED_VIDEO', encryptedText);
  if (codec === '')
    throw new SortieError('UNSUPPORTED_CODEC', `The video is coded as "${tag}", which cannot be decoded here.`);
  if (width === 0 || height === 0)
    throw new SortieError('DAMAGED_VIDEO', `The ${codec} stream holds no picture: not even its size can be read.`);
  if (width * height > limits.maxPixels)
    throw new SortieError('LIMIT_EXCEEDED', `Pictures of ${width}x${height} are larger than the most that is taken.`);
}
