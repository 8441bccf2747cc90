// Lists of a service with many long layers: how long they take, and how much memory the Ingest API needs for them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IngestServiceClient, Layer, Service } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { newItemId, newJobId } from '@sortie/common/ids';
import { call, connect } from '@sortie/common/grpc';
import { identity, identityDirectory } from '@sortie/common/testing/identities';
import type { Announcement } from '@sortie/common/process';
import { openStorage } from '@sortie/common/storage';
import { outputName } from '../catalogue.js';

const layers = 1_000;
/** An hour in segments of 4 s: three rungs, audio and cues. */
const segments = 900;
const renditions = ['video/sd', 'video/hd', 'video/fhd', 'audio/0', 'telemetry/cues'];

const directory = await mkdtemp(join(tmpdir(), 'sortie-bench-catalogue-'));
await openStorage(directory);
await mkdir(join(directory, 'services/many/layers'), { recursive: true });
const service = { ...Service.fromJSON({}), serviceName: 'Many', serviceItemId: newItemId(), owner: 'ana', createTime: new Date() }; // prettier-ignore
await writeFile(join(directory, 'services/many/service.json'), JSON.stringify(Service.toJSON(service)));
const files = renditions.flatMap((rendition) =>
  Array.from({ length: segments }, (_, index) => ({
    path: `${rendition}/${String(index + 1).padStart(5, '0')}.m4s`,
    sizeBytes: 1_000_000,
    sha256: 'a'.repeat(64),
  })),
);
for (let layerId = 0; layerId < layers; layerId++) {
  const jobId = newJobId();
  const output = outputName(jobId, 1);
  const layer = {
    ...Layer.fromJSON({}),
    serviceName: 'Many',
    layerId,
    name: `Flight ${layerId}`,
    description: 'An hour over the coast, with two turns and a landing.',
    owner: 'ana',
    jobId,
    createTime: new Date(),
    sourceFileName: `flight-${layerId}.ts`,
    durationSeconds: 3600,
    previews: { count: 100, width: 160, height: 90, columns: 10, rows: 10, intervalSeconds: 36, timesSeconds: Array.from({ length: 100 }, (_, index) => index * 36) }, // prettier-ignore
  };
  const folder = join(directory, 'layers/many', String(layerId), output);
  await mkdir(folder, { recursive: true });
  const document = Layer.toJSON(layer);
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ version: 1, layer: document, files }));
  await writeFile(join(folder, '../layer.json'), JSON.stringify({ version: 1, output, layer: document }));
  await writeFile(join(directory, `services/many/layers/${layerId}.json`), JSON.stringify({ layerId, layerName: layer.name, description: '' })); // prettier-ignore
}

const api = fork(fileURLToPath(new URL('../api-main.js', import.meta.url)), {
  env: { ...process.env, SORTIE_STORAGE: directory, SORTIE_JOB_ADDRESS: '127.0.0.1:9', SORTIE_IDENTITY: identityDirectory('ingest-api'), SORTIE_INGEST_LISTEN: '127.0.0.1:0', SORTIE_LOG_LEVEL: 'error' }, // prettier-ignore
});
const [{ port }] = (await once(api, 'message')) as [Announcement];
// At its start it reads ahead what lists show.
await new Promise((resolve) => setTimeout(resolve, 5_000));
const client = connect(IngestServiceClient, `127.0.0.1:${port}`, identity('operator'));
const timed = async (act: () => Promise<number>): Promise<string> => {
  const began = performance.now();
  const count = await act();
  return `${(performance.now() - began).toFixed(0)} ms for ${count} layers`;
};
const get = async (): Promise<number> => {
  const answer = await call(client.getService.bind(client), { serviceName: 'Many', pageSize: 0, pageToken: '' });
  return answer.service?.layers.length ?? 0;
};
const list = async (): Promise<number> => {
  const { services } = await call(client.listServices.bind(client), { pageSize: 0, pageToken: '' });
  return services[0]?.layers.length ?? 0;
};
console.log(`${layers} layers of an hour, ${files.length} files each`);
console.log(`GetService, first:  ${await timed(get)}`);
console.log(`GetService, again:  ${await timed(get)}`);
console.log(`ListServices:       ${await timed(list)}`);
const again: number[] = [];
for (let round = 0; round < 50; round++) {
  const began = performance.now();
  await get();
  again.push(performance.now() - began);
}
again.sort((a, b) => a - b);
console.log(
  `GetService, median and worst of ${again.length}: ${again[25]?.toFixed(0)} ms, ${again.at(-1)?.toFixed(0)} ms`,
);
const peak = async (): Promise<number> =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${api.pid ?? 0}/status`, 'utf8'))?.[1]) / 1024);
console.log(`Ingest API, peak memory: ${await peak()} MiB`);
// Files of many layers, one after the other.
for (let layerId = 0; layerId < 100; layerId++) {
  const stream = client.readLayerFile({
    serviceName: 'Many',
    layerId,
    path: files[0]?.path ?? '',
    offset: 0,
    length: 0,
  });
  for await (const _ of stream as AsyncIterable<unknown>);
}
console.log(`Ingest API, peak memory with files of 100 layers: ${await peak()} MiB`);
client.close();
api.kill();
await once(api, 'exit');
await rm(directory, { recursive: true, force: true });
