// The multivariant playlist ABR.m3u8 (RFC 8216 section 4.3.4) with what was measured, not what was asked for.

export interface SizedSegment {
  bytes: number;
  duration: number;
}

export interface Bandwidth {
  /** Bits per second of the heaviest segment, and over the whole. */
  peak: number;
  average: number;
}

/**
 * Measured rates. The peak is the largest of any run of segments that lasts between half and one and a half target
 * durations (RFC 8216 section 4.1): a short last segment alone does not count.
 */
export function measure(segments: readonly SizedSegment[], targetDuration: number): Bandwidth {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const seconds = segments.reduce((sum, segment) => sum + segment.duration, 0);
  const average = seconds > 0 ? Math.ceil((bytes * 8) / seconds) : 0;
  let peak = average;
  segments.forEach((_, first) => {
    let runBytes = 0;
    let runSeconds = 0;
    for (const segment of segments.slice(first)) {
      runBytes += segment.bytes;
      runSeconds += segment.duration;
      if (runSeconds > targetDuration * 1.5) break;
      if (runSeconds >= targetDuration * 0.5) peak = Math.max(peak, Math.ceil((runBytes * 8) / runSeconds));
    }
  });
  return { peak, average };
}

export interface VideoVariant {
  path: string;
  width: number;
  height: number;
  frameRate: number;
  codecs: string;
  bandwidth: Bandwidth;
}

export interface AudioRendition {
  path: string;
  name: string;
  /** RFC 5646; empty when unknown. */
  language: string;
  channels: number;
  codecs: string;
  bandwidth: Bandwidth;
}

export interface TelemetryRendition {
  path: string;
}

const quoted = (text: string): string => `"${text.replace(/["\r\n]/g, ' ')}"`;

export function multivariantPlaylist(
  video: readonly VideoVariant[],
  audio: readonly AudioRendition[],
  telemetry: TelemetryRendition | null,
): string {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-INDEPENDENT-SEGMENTS'];
  audio.forEach((track, index) => {
    const language = track.language === '' ? '' : `LANGUAGE=${quoted(track.language)},`;
    const first = index === 0 ? 'YES' : 'NO';
    lines.push(
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME=${quoted(track.name)},${language}DEFAULT=${first},AUTOSELECT=YES,CHANNELS="${track.channels}",URI=${quoted(track.path)}`,
    );
  });
  if (telemetry) {
    // Cues are JSON for programs, so no player should show them by itself.
    lines.push(
      `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="telemetry",NAME="Telemetry",DEFAULT=NO,AUTOSELECT=NO,FORCED=NO,URI=${quoted(telemetry.path)}`,
    );
  }
  // A variant counts with the heaviest sound that may be played with it (RFC 8216 section 4.3.4.2).
  const soundPeak = Math.max(0, ...audio.map((track) => track.bandwidth.peak));
  const soundAverage = Math.max(0, ...audio.map((track) => track.bandwidth.average));
  const soundCodecs = [...new Set(audio.map((track) => track.codecs))];
  for (const variant of video) {
    const attributes = [
      `BANDWIDTH=${variant.bandwidth.peak + soundPeak}`,
      `AVERAGE-BANDWIDTH=${variant.bandwidth.average + soundAverage}`,
      `CODECS=${quoted([variant.codecs, ...soundCodecs].join(','))}`,
      `RESOLUTION=${variant.width}x${variant.height}`,
      `FRAME-RATE=${variant.frameRate.toFixed(3)}`,
      ...(audio.length > 0 ? ['AUDIO="audio"'] : []),
      ...(telemetry ? ['SUBTITLES="telemetry"'] : []),
      'CLOSED-CAPTIONS=NONE',
    ];
    lines.push(`#EXT-X-STREAM-INF:${attributes.join(',')}`, variant.path);
  }
  return [...lines, ''].join('\n');
}
