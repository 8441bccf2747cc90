// `npm start`: everything up, one ingest shown from end to end, then ready for more until Ctrl-C.
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { adminName, dataDirectory } from '../data.js';
import { startLocal } from '../local.js';
import { Rest } from '../rest.js';
import { ingestFile, sourcesOf } from './ingest.js';

export interface UpOptions {
  files: string[];
  resolutions: string;
  /** Ends when the jobs have ended. */
  once: boolean;
  json: boolean;
  data: string;
  port: number;
}

const tokenMinutes = 24 * 60;

/** Exit code: 0 only when every job was completed. */
export async function up(options: UpOptions): Promise<number> {
  const out = options.json ? process.stderr : process.stdout;
  const data = dataDirectory(options.data);
  out.write('Starting Sortie: NATS, Job service, Ingest API, worker, gateway …\n');
  const local = await startLocal(data, { port: options.port, environment: process.env });
  const stopped = new Promise<'signal'>((resolve) => {
    process.once('SIGINT', () => resolve('signal'));
    process.once('SIGTERM', () => resolve('signal'));
    process.once('SIGHUP', () => resolve('signal'));
  });
  try {
    const rest = new Rest(local.gateway);
    await rest.signIn(adminName, await readFile(data.adminPassword, 'utf8'), tokenMinutes);
    out.write(`Sortie is up at ${local.gateway}/arcgis/rest (data in ${data.root})\n`);
    out.write(`gRPC: JobService ${local.jobService}, IngestService ${local.ingestService}\n\n`);

    const work = (async () => {
      const files = options.files.length > 0 ? options.files : [await sampleFlight(data.root, out)];
      let good = true;
      for (const sources of sourcesOf(files)) {
        const job = await ingestFile(rest, sources, { resolutions: options.resolutions, json: options.json, out });
        good &&= job?.status === 'COMPLETED';
      }
      return good;
    })();
    const outcome = await Promise.race([work, stopped, local.failed.then((reason) => ({ reason }))]);
    if (outcome === 'signal') return 130;
    if (typeof outcome === 'object') throw new Error(outcome.reason);
    if (options.once) return outcome ? 0 : 1;

    out.write(`  Token   ${rest.currentToken}\n  (user ${adminName}, password in ${data.adminPassword})\n\n`);
    out.write('Ingest more with: npx sortie ingest FILE   Stop with Ctrl-C.\n');
    const end = await Promise.race([stopped, local.failed]);
    if (end !== 'signal') throw new Error(end);
    out.write('\nStopping …\n');
    return 0;
  } finally {
    await local.stop();
  }
}

/** A flight of our own, made once. */
async function sampleFlight(root: string, out: NodeJS.WriteStream): Promise<string> {
  const directory = join(root, 'sample');
  const path = join(directory, 'Sample_Flight.ts');
  if (!existsSync(path)) {
    out.write('Generating a sample flight …\n');
    await mkdir(directory, { recursive: true });
    await generateFlight(path, { seconds: 30, width: 1280, height: 720, fps: 30 });
  }
  return path;
}
