// Generating Video Stream Info: how the picture is shown.
import { streamInfo, type StreamInfo } from '../plan.js';
import type { VideoProbe } from './probe-video.js';

export const describeStreams = ({ container, probed, video }: VideoProbe): StreamInfo =>
  streamInfo(container, probed, video);
