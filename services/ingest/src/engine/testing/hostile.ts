// An engine in foreign hands: does what its input names, in place of the engine's own program, under the real launcher.
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { EngineResult, VerifiedSegment } from '@sortie/native';
import { serve, tell } from '../../confined/serve.js';
import type { Order } from '../engine.js';
import { initPathIn, rungDirectory, segmentPathIn } from '../layout.js';
import { attempt, late, tricks, type Task } from './tricks.js';

const contents = 'a segment';

function honest(plan: Extract<Order, { kind: 'run' }>['plan']): EngineResult {
  const directory = rungDirectory('sd');
  fs.mkdirSync(join(plan.outputDir, directory), { recursive: true });
  const files = [initPathIn(directory), segmentPathIn(directory, 0)];
  for (const path of files) fs.writeFileSync(join(plan.outputDir, path), contents);
  const [initPath = '', path = ''] = files;
  const bytes = contents.length;
  const [rung] = plan.rungs;
  if (!rung) throw new Error('The plan has no renditions.');
  return {
    engine: 'cpu', decoder: 'libavcodec', framesDecoded: 1, framesEncoded: 1, decodeErrors: 0, duration: 1, originPts90k: 0, clockJumps: [],
    rungs: [{ name: rung.name, width: rung.width, height: rung.height, codecs: 'avc1.64001f', encoder: 'libx264', initPath, initBytes: bytes, frames: 1, segments: [{ path, bytes, start: 0, duration: 1 }] }],
    audio: [], posterTime: null, previewInterval: 1, previewRows: 0, previewTimes: [], warnings: [], gpuWarnings: [],
  }; // prettier-ignore
}

/** Tries to change what it is to look at, and says that all is well. */
function verify({ plans }: Extract<Order, { kind: 'verify' }>): VerifiedSegment[][] {
  return plans.map(({ outputDir, segments }) => {
    for (const path of segments) attempt(() => fs.writeFileSync(join(outputDir, path), 'changed'));
    for (const path of segments) attempt(() => fs.rmSync(join(outputDir, path)));
    attempt(() => fs.writeFileSync(join(outputDir, 'more'), 'x'));
    return segments.map((path) => ({ path, frames: 1, firstPts: 0, lastPts: 0, endPts: 1, startsWithIdr: true, error: null })); // prettier-ignore
  });
}

function misbehave(order: Order): unknown {
  if (order.kind === 'preflight') return order;
  if (order.kind === 'verify') return verify(order);
  const { plan } = order;
  const { trick, key, outside } = JSON.parse(fs.readFileSync(plan.input, 'utf8')) as Task;
  const made = honest(plan);
  const out = (path: string): string => join(plan.outputDir, path);
  const stage = { out, key, outside, segment: out('video/sd/00001.m4s'), playlist: out('video/sd/index.m3u8') };
  if (!late.includes(trick)) return tricks[trick](stage)(made);
  tell({ kind: 'done', result: made });
  return tricks[trick](stage)(made);
}

await serve(
  (order) => Promise.resolve(misbehave(order as Order)),
  (thrown) => ({ code: 'INTERNAL', message: String(thrown) }),
);
