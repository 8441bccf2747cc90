// What a job has made, for comparing: its files, the lengths of its segments, its telemetry, and whether its manifest is true.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Output {
  /** The job that made it. */
  jobId: string;
  files: string[];
  /** EXTINF values by playlist. */
  segments: Record<string, string[]>;
  packets: number;
  /** What is not as the manifest says. */
  faults: string[];
  /** Outputs of other attempts that lie beside. */
  others: string[];
}

export function outputOf(storage: string, service: string, layerId = 0): Output | null {
  const folder = join(storage, 'layers', service.toLowerCase(), String(layerId));
  if (!existsSync(join(folder, 'layer.json'))) return null;
  const { output, layer } = JSON.parse(readFileSync(join(folder, 'layer.json'), 'utf8')) as {
    output: string;
    layer: { jobId: string };
  };
  const root = join(folder, output);
  const manifest = JSON.parse(readFileSync(join(root, 'manifest.json'), 'utf8')) as {
    files: { path: string; sizeBytes: number; sha256: string }[];
  };
  const faults: string[] = [];
  const segments: Record<string, string[]> = {};
  for (const { path, sizeBytes, sha256 } of manifest.files) {
    const bytes = existsSync(join(root, path)) ? readFileSync(join(root, path)) : null;
    if (!bytes) faults.push(`${path} is missing`);
    else if (bytes.length !== sizeBytes || createHash('sha256').update(bytes).digest('hex') !== sha256)
      faults.push(`${path} is not what the manifest says`);
    if (path.endsWith('.m3u8') && bytes) segments[path] = bytes.toString().match(/^#EXTINF:[\d.]+/gm) ?? [];
  }
  const packets = join(root, 'telemetry/packets.ndjson');
  return {
    jobId: layer.jobId,
    files: manifest.files.map(({ path }) => path).sort(),
    segments,
    packets: existsSync(packets) ? readFileSync(packets, 'utf8').trimEnd().split('\n').length : 0,
    faults,
    others: readdirSync(folder).filter((name) => name !== 'layer.json' && name !== output),
  };
}

/** What differs from an undisturbed run; empty when nothing does. */
export function differences(expected: Output, found: Output | null): string[] {
  if (!found) return ['there is no layer'];
  const wrong = [...found.faults];
  if (JSON.stringify(found.files) !== JSON.stringify(expected.files)) wrong.push('other files');
  if (JSON.stringify(found.segments) !== JSON.stringify(expected.segments)) wrong.push('other segments');
  if (found.packets !== expected.packets) wrong.push(`${found.packets} of ${expected.packets} telemetry packets`);
  return wrong;
}
