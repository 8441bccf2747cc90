// Generating ABR Info Files: the multivariant playlist and a description of all renditions, both with measured rates.
import type { Rendition } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { EngineResult } from '@sortie/native';
import { writeFileBelow } from '../confined/below.js';
import { targetDuration } from '../hls/media-playlist.js';
import { measure, multivariantPlaylist } from '../hls/multivariant.js';
import type { ProbedStream } from '../media/probe.js';
import type { StreamInfo } from '../plan.js';
import type { Run } from '../run.js';
import type { TelemetryFiles } from './extract-klv.js';
import { playlistBeside } from './hls.js';

export const abrPlaylist = 'ABR.m3u8';
export const abrDescription = 'abr.json';

export interface AbrInput {
  info: StreamInfo;
  made: EngineResult;
  tracks: readonly ProbedStream[];
  telemetry: TelemetryFiles | null;
  /** What was asked for and is not made as asked. */
  warnings: readonly string[];
}

export interface Abr {
  renditions: Rendition[];
}

export async function writeAbr(run: Run, { info, made, tracks, telemetry, warnings }: AbrInput): Promise<Abr> {
  const frameRate = info.frameRate.num / info.frameRate.den;
  const video = made.rungs.map((rung) => ({
    name: rung.name,
    path: playlistBeside(rung.initPath),
    width: rung.width,
    height: rung.height,
    frameRate,
    codecs: rung.codecs,
    bandwidth: measure(rung.segments, targetDuration(rung.segments)),
  }));
  const audio = made.audio.map((result, index) => {
    const language = languageOf(tracks.find((track) => track.index === result.stream));
    return {
      path: playlistBeside(result.initPath),
      name: language === '' ? `Sound ${index + 1}` : `${language} ${index + 1}`,
      language,
      channels: result.channels,
      codecs: result.codecs,
      bandwidth: measure(result.segments, targetDuration(result.segments)),
    };
  });
  const cues = telemetry ? { path: telemetry.cuesPlaylist } : null;
  await writeFileBelow(run.parts.directory, abrPlaylist, multivariantPlaylist(video, audio, cues));
  const description = {
    version: 1,
    duration: made.duration,
    frames: made.framesEncoded,
    frameRate,
    segmentSeconds: made.rungs[0]?.segments[0]?.duration ?? 0,
    source: { container: info.container.name, codec: info.video.codec, ...info.display, quality: info.quality },
    video,
    audio,
    telemetry: cues,
    warnings,
  };
  await writeFileBelow(run.parts.directory, abrDescription, JSON.stringify(description, null, 2));
  return {
    renditions: video.map(({ name, width, height, codecs, bandwidth }) => ({
      name,
      width,
      height,
      codecs,
      bandwidth: bandwidth.peak,
      averageBandwidth: bandwidth.average,
    })),
  };
}

/** ISO 639 code of the track; empty when unknown ("und") or not one. */
const languageOf = (track: ProbedStream | undefined): string =>
  track && /^[a-z]{2,3}$/.test(track.language) && track.language !== 'und' ? track.language : '';
