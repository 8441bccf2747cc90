// Video Files Created: what was made is looked at as a player would, before anybody gets to see it.
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';
import HLS from 'hls-parser';
import { SortieError } from '@sortie/common/errors';
import type { EngineResult, VerifiedSegment } from '@sortie/native';
import { openFileBelow, readFileBelow } from '../confined/below.js';
import { inspectOutput, type KnownFiles } from '../confined/output.js';
import { restarting } from '../confined/restart.js';
import { verifySegments } from '../engine/engine.js';
import { verifyLimits } from '../engine/limits.js';
import { verifyThreads } from '../engine/memory.js';
import { cuePlaylist } from '../klv/cues.js';
import type { Run } from '../run.js';
import { cuesName } from '../telemetry/paths.js';
import { abrPlaylist } from './abr.js';
import type { TelemetryFiles } from './extract-klv.js';

export interface VerifyInput {
  made: EngineResult;
  playlists: readonly string[];
  telemetry: TelemetryFiles | null;
  /** All that is to be there. */
  known: KnownFiles;
  frameRate: { num: number; den: number };
}

export interface Verified {
  segments: number;
  files: number;
}

const faulty = (what: string): SortieError => new SortieError('OUTPUT_FAULTY', `What was made does not hold: ${what}.`);

export async function verify(
  run: Run,
  { made, playlists, telemetry, known, frameRate }: VerifyInput,
): Promise<Verified> {
  const { directory, settings } = run.parts;
  const sizes = await inspectOutput(directory, known);
  if (telemetry) await checkCues(directory, telemetry, made);
  let files = 0;
  for (const playlist of [abrPlaylist, ...playlists]) files += 1 + (await checkPlaylist(directory, playlist, sizes));

  const renditions = [...made.rungs, ...made.audio];
  const threads = verifyThreads(made.rungs, settings.engine.threads || availableParallelism(), settings.jobMemory);
  const plans = renditions.map(({ initPath, segments }) => ({
    outputDir: directory,
    initPath,
    segments: segments.map((segment) => segment.path),
    threads,
  }));
  const reports = await restarting(
    () => verifySegments(plans, directory, verifyLimits(made, threads), run.signal),
    run.signal,
    (error) => run.parts.log.warn({ err: error }, 'the verification is started again'),
  );
  const broken = reports.flat().find((segment) => segment.error !== null);
  if (broken) throw faulty(`${broken.path} cannot be played (${String(broken.error)})`);

  const frameSeconds = frameRate.den / frameRate.num;
  checkCuts(reports.slice(0, made.rungs.length), frameSeconds);
  checkDurations(made, frameSeconds);
  if (telemetry) await checkTelemetry(directory, telemetry);
  return { segments: reports.flat().length, files };
}

/** A day of video has some 50,000 lines. */
const mostPlaylistBytes = 64 * 1024 * 1024;

/** The one playlist that is not written here is what it would be if it were, so that no stranger's text is parsed. */
async function checkCues(directory: string, { cuesPlaylist }: TelemetryFiles, made: EngineResult): Promise<void> {
  const wanted = Buffer.from(cuePlaylist(made.rungs[0]?.segments ?? [], cuesName));
  const found = await readFileBelow(directory, cuesPlaylist, mostPlaylistBytes);
  if (!found.equals(wanted)) throw faulty(`${cuesPlaylist} is not the playlist of the cues`);
}

/** Parses strictly, and everything that it names is there. Returns how many files those are. */
async function checkPlaylist(directory: string, playlist: string, sizes: ReadonlyMap<string, number>): Promise<number> {
  HLS.setOptions({ strictMode: true });
  let parsed: HLS.types.MasterPlaylist | HLS.types.MediaPlaylist;
  try {
    parsed = HLS.parse((await readFileBelow(directory, playlist, mostPlaylistBytes)).toString('utf8'));
  } catch (cause) {
    throw new SortieError('OUTPUT_FAULTY', `The playlist ${playlist} does not parse.`, { cause });
  }
  const named = parsed.isMasterPlaylist
    ? parsed.variants.flatMap((variant) => [
        variant.uri,
        ...[...variant.audio, ...variant.subtitles].flatMap((rendition) => rendition.uri ?? []),
      ])
    : parsed.segments.flatMap((segment) => [segment.uri, segment.map?.uri ?? segment.uri]);
  const paths = [...new Set(named)].map((uri) => posix.join(posix.dirname(playlist), uri));
  for (const path of paths) if (!sizes.get(path)) throw faulty(`${playlist} names ${path}, which is missing or empty`);
  return paths.length;
}

/** Every rung is cut at the same places, each segment begins with a key frame, and all have the same pictures. */
function checkCuts(rungs: readonly VerifiedSegment[][], frameSeconds: number): void {
  const [first = []] = rungs;
  for (const rung of rungs) {
    if (rung.length !== first.length) throw faulty(`rungs have ${first.length} and ${rung.length} segments`);
    rung.forEach((segment, index) => {
      const other = first[index];
      if (!segment.startsWithIdr) throw faulty(`${segment.path} does not begin with a key frame`);
      if (!other) return;
      if (Math.abs(segment.firstPts - other.firstPts) > frameSeconds / 100) {
        throw faulty(`${segment.path} begins at ${segment.firstPts} s, ${other.path} at ${other.firstPts} s`);
      }
    });
  }
}

/** The segments of each rendition add up to the length of the picture; sound may be shorter, and a little longer. */
function checkDurations(made: EngineResult, frameSeconds: number): void {
  for (const { name, frames, segments } of made.rungs) {
    const total = segments.reduce((sum, segment) => sum + segment.duration, 0);
    if (Math.abs(total - made.duration) > frameSeconds) {
      throw faulty(`${name} lasts ${total.toFixed(3)} s of ${made.duration.toFixed(3)} s`);
    }
    if (frames !== made.framesEncoded) throw faulty(`${name} has ${frames} of ${made.framesEncoded} pictures`);
  }
  for (const { directory, segments } of made.audio) {
    const end = segments.reduce((latest, segment) => Math.max(latest, segment.start + segment.duration), 0);
    if (end > made.duration + 2)
      throw faulty(`${directory} ends ${(end - made.duration).toFixed(1)} s after the picture`);
  }
}

const newline = 0x0a;

/** As many packets came out as the reader found. */
async function checkTelemetry(directory: string, telemetry: TelemetryFiles): Promise<void> {
  // Lines are counted by their ends: one of any length costs no memory.
  let lines = 0;
  for await (const chunk of (
    await openFileBelow(directory, telemetry.packetsPath)
  ).createReadStream() as AsyncIterable<Buffer>)
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) lines++;
  if (lines !== telemetry.packets) throw faulty(`${telemetry.packets} telemetry packets were read, ${lines} written`);
}
