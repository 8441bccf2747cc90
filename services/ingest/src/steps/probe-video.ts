// Probing Video Codec: what the file really is, and whether there is a picture in it that can be read.
import { SortieError } from '@sortie/common/errors';
import { restarting } from '../confined/restart.js';
import { probe, type Probed, type ProbedStream } from '../media/probe.js';
import { sniff, type Container } from '../media/sniff.js';
import { limits } from '../plan.js';
import type { Run } from '../run.js';
import type { Source } from './start.js';

export interface VideoProbe {
  container: Container;
  probed: Probed;
  video: ProbedStream;
}

export async function probeVideo(run: Run, source: Source): Promise<VideoProbe> {
  const container = containerOf(source);
  const probed = await restarting(
    () => probe(run.parts.settings.ffprobe, source.path, container.demuxer, run.signal),
    run.signal,
    (error) => run.parts.log.warn({ err: error }, 'the probe is started again'),
  );
  return { container, probed, video: chooseVideo(probed) };
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
    case 'unknown':
      throw new SortieError('NOT_A_VIDEO', 'The file is not a video: its content is of no known video format.');
  }
}

/** The largest picture that moves; covers do not count. */
export function chooseVideo(probed: Probed): ProbedStream {
  const pictures = probed.streams.filter((stream) => stream.type === 'video' && !stream.attachedPicture);
  if (pictures.length === 0) {
    const found = [...new Set(probed.streams.map((stream) => stream.type))].join(', ');
    throw new SortieError('NO_VIDEO_STREAM', `The file holds no video (found: ${found === '' ? 'nothing' : found}).`);
  }
  const [best] = pictures.sort((a, b) => b.width * b.height - a.width * a.height);
  if (!best) throw new SortieError('NO_VIDEO_STREAM', 'The file holds no video.');
  if (best.codec === '') {
    throw new SortieError('UNSUPPORTED_CODEC', `The video is coded as "${best.tag}", which cannot be decoded here.`);
  }
  if (best.width === 0 || best.height === 0) {
    throw new SortieError('DAMAGED_VIDEO', `The ${best.codec} stream holds no picture: not even its size can be read.`);
  }
  if (best.width * best.height > limits.maxPixels) {
    throw new SortieError(
      'LIMIT_EXCEEDED',
      `Pictures of ${best.width}x${best.height} are larger than the most that is taken.`,
    );
  }
  return best;
}
