// Ways in which an engine in foreign hands tries to reach what it may not, through the launcher or through those who believe it.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { EngineResult, Segment } from '@sortie/native';

/** What the input holds: the trick, and the victims. */
export interface Task {
  trick: Trick;
  /** A file that it must not read or write. */
  key: string;
  /** A folder in which it must not make anything. */
  outside: string;
}

type Change = (made: EngineResult) => unknown;
export interface Stage {
  out: (path: string) => string;
  key: string;
  outside: string;
  segment: string;
  playlist: string;
}

const nothing: Change = (made) => made;
const segmentOf = (made: EngineResult): Segment => made.rungs[0]?.segments[0] as Segment;
const changed =
  (change: (made: EngineResult) => void): Change =>
  (made) => (change(made), made);
const replace = (path: string, by: () => void): void => (fs.rmSync(path, { recursive: true, force: true }), by());
export const attempt = (act: () => void): void => {
  try {
    act();
  } catch {
    // The kernel refused; the next way is tried.
  }
};

/** Each prepares the folder and gives what is to be done to the answer. */
export const tricks = {
  'nothing at all': () => nothing,
  // Into the layer, and out of it.
  'a link in place of a segment': ({ segment, key }) => (replace(segment, () => fs.symlinkSync(key, segment)), nothing),
  'a link in place of a playlist to be': ({ playlist, outside }) => (fs.symlinkSync(join(outside, 'cron'), playlist), nothing),
  'a link in place of a folder': ({ out, outside }) => (replace(out('video/sd'), () => fs.symlinkSync(outside, out('video/sd'))), nothing),
  'a link at the top': ({ out, key }) => (fs.symlinkSync(key, out('ABR.m3u8')), nothing),
  'a second name of the key': ({ segment, key }) => (replace(segment, () => fs.linkSync(key, segment)), nothing),
  'a second name of its own file': ({ segment, out }) => (fs.linkSync(segment, out('video/sd/00002.m4s')), nothing),
  'a pipe': ({ segment }) => (replace(segment, () => execFileSync('mkfifo', [segment])), nothing),
  'a file with the right of its owner': ({ segment }) => (fs.rmSync(segment), fs.closeSync(fs.openSync(segment, 'wx', 0o4755)), fs.chmodSync(segment, 0o4755), nothing),
  'a folder where a file should be': ({ segment }) => (replace(segment, () => fs.mkdirSync(segment)), nothing),
  'a playlist of its own': ({ playlist }) => (fs.writeFileSync(playlist, '#EXTM3U'), nothing),
  'a name with a line’s end': ({ out }) => (fs.writeFileSync(out('video/sd/x\n* * * * * root id'), ''), nothing),
  'a file too many': ({ out }) => (fs.writeFileSync(out('video/sd/00002.m4s'), 'x'), nothing),
  'a folder too many': ({ out }) => (fs.mkdirSync(out('video/other')), nothing),
  'thousands of files': ({ out }) => (Array.from({ length: 3_000 }, (_, index) => fs.writeFileSync(out(`video/sd/x${index}`), '')), nothing),
  'a file too few': ({ segment }) => (fs.rmSync(segment), nothing),
  // The answer.
  'a path outside': () => changed((made) => (segmentOf(made).path = '../../key')),
  'an absolute path': ({ key }) => changed((made) => (segmentOf(made).path = key)),
  'a path with a line’s end': () => changed((made) => (segmentOf(made).path = 'video/sd/x\n* * * * * root id')),
  'another folder for the start': () => changed((made) => ((made.rungs[0] as { initPath: string }).initPath = '../init.mp4')),
  'another name of a rendition': () => changed((made) => ((made.rungs[0] as { name: string }).name = '../sd')),
  'no number': () => changed((made) => (segmentOf(made).duration = NaN)),
  'a number beyond all': () => changed((made) => (made.duration = 1e308)),
  'a negative length': () => changed((made) => (segmentOf(made).duration = -1)),
  'half a file': () => changed((made) => (segmentOf(made).bytes += 0.5)),
  'another size than that of the file': () => changed((made) => segmentOf(made).bytes++),
  'codecs with a line’s end': () => changed((made) => ((made.rungs[0] as { codecs: string }).codecs = 'avc1.64001f"\n#EXT')),
  'a rendition too many': () => changed((made) => made.rungs.push(...made.rungs)),
  'sound that nobody asked for': () => changed((made) => made.audio.push({ stream: 1, directory: '../..', codecs: 'mp4a.40.2', channels: 2, sampleRate: 48_000, initPath: '../../init.mp4', initBytes: 1, segments: [] })),
  'a warning of a mebibyte': () => changed((made) => made.warnings.push('x'.repeat(1024 * 1024))),
  'a thousand warnings': () => changed((made) => made.warnings.push(...Array.from({ length: 1_000 }, () => 'x'))),
  'an answer of a hundred mebibytes': () => (made) => ({ ...made, more: 'x'.repeat(100 * 1024 * 1024) }),
  'no answer': () => () => 'done',
  'an answer from the prototype': () => (made) => ({ __proto__: made }),
  // The machine.
  'whatever the kernel lets': ({ key, outside }) => {
    attempt(() => fs.writeFileSync(key, 'taken'));
    attempt(() => fs.truncateSync(key));
    attempt(() => fs.chmodSync(key, 0o4777));
    attempt(() => fs.utimesSync(key, 1, 1));
    attempt(() => fs.chownSync(key, 12_345, 12_345));
    attempt(() => fs.renameSync(key, join(outside, 'stolen')));
    attempt(() => fs.rmSync(key));
    attempt(() => fs.writeFileSync(join(outside, 'made'), 'x'));
    attempt(() => process.kill(process.ppid, 'SIGKILL'));
    return () => ({ stolen: fs.readFileSync(key, 'utf8') });
  },
} satisfies Record<string, (stage: Stage) => Change>; // prettier-ignore

export type Trick = keyof typeof tricks;

/** Those that act when the answer has been given already. */
export const late: readonly string[] = ['a link in place of a folder'];
