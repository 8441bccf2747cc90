// Probing Audio: the sound tracks that can be made.
import type { ProbedStream } from '../media/probe.js';
import { limits } from '../plan.js';
import type { Run } from '../run.js';
import type { VideoProbe } from './probe-video.js';

export function probeAudio(run: Run, { audio: tracks }: VideoProbe): ProbedStream[] {
  const readable = tracks.filter((track) => track.codec !== '' && track.channels > 0 && track.sampleRate > 0);
  if (readable.length < tracks.length) {
    run.warn(
      'AUDIO_UNREADABLE',
      `${tracks.length - readable.length} of ${tracks.length} sound tracks cannot be read and are left out.`,
    );
  }
  if (readable.length > limits.maxAudioTracks) {
    run.warn('AUDIO_LIMIT', `Of ${readable.length} sound tracks the first ${limits.maxAudioTracks} are made.`);
  }
  return readable.slice(0, limits.maxAudioTracks);
}
