// A whole Sortie for tests, started as `npm start` starts it, with an administrator signed in.
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adminName, dataDirectory, type DataDirectory } from '../data.js';
import { startLocal, type LocalSortie } from '../local.js';
import { Rest } from '../rest.js';

export interface TestSortie {
  rest: Rest;
  data: DataDirectory;
  local: LocalSortie;
  /** A folder for files of the test. */
  directory: string;
  stop(): Promise<void>;
}

export async function startSortie(
  environment: NodeJS.ProcessEnv = {},
  onRestart: (message: string) => void = (message) => process.stderr.write(`${message}\n`),
): Promise<TestSortie> {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-test-'));
  const data = dataDirectory(join(directory, 'data'));
  const local = await startLocal(data, { port: 0, environment: { ...process.env, ...environment }, onRestart });
  const rest = new Rest(local.gateway);
  await rest.signIn(adminName, await readFile(data.adminPassword, 'utf8'), 600);
  return {
    rest,
    data,
    local,
    directory,
    stop: async () => {
      await local.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Uploads and publishes a file; gives the job's id. */
export async function publish(
  { rest }: TestSortie,
  path: string,
  service: string,
  resolutions = 'sd',
  sidecars: readonly string[] = [],
): Promise<string> {
  await rest.createService(service);
  const fileIds: string[] = [];
  for (const file of [path, ...sidecars]) fileIds.push(await rest.upload(file, () => undefined));
  return rest.addLayer(service, 'Layer', fileIds, resolutions);
}

/** Where the files of a finished layer lie. */
export function layerFolder({ data }: Pick<TestSortie, 'data'>, service: string, layerId = 0): string {
  const folder = join(data.storage, 'layers', service.toLowerCase(), String(layerId));
  const { output } = JSON.parse(readFileSync(join(folder, 'layer.json'), 'utf8')) as { output: string };
  return join(folder, output);
}
