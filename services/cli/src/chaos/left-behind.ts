// What is left in the storage and the work directory once all that sweeps has swept, as if a day had gone by.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { connect } from '@sortie/common/grpc';
import { openIdentity } from '@sortie/common/identity/identity';
import { newLogger } from '@sortie/common/log';
import { openStorage } from '@sortie/common/storage';
import { Sweep } from '@sortie/ingest/sweeper';
import { sweepWorkDirectory } from '@sortie/ingest/worker/work-directory';
import type { Fleet } from '../testing/fleet.js';
import { outputOf } from './output.js';

const dayMs = 25 * 3_600_000;

export async function leftBehind(fleet: Fleet, work: string): Promise<string[]> {
  const jobs = connect(
    JobServiceClient,
    `127.0.0.1:${fleet.of('job')[0]?.port ?? 0}`,
    openIdentity(fleet.identity('operator')),
  );
  const log = newLogger('chaos', 'silent');
  const later = (): number => Date.now() + dayMs;
  const storage = await openStorage(fleet.storage);
  await sweepWorkDirectory(work, jobs, log, later);
  // One of the fleet may hold the lock.
  while (!(await new Sweep({ storage, jobs, log }, 'chaos', undefined, later).run())) await sleep(1_000);
  jobs.close();
  const left = (await readdir(work)).map((name) => `work/${name}`);
  for (const service of await storage.children('layers')) {
    for (const layer of await storage.children(`layers/${service}`)) {
      const output = outputOf(fleet.storage, service, Number(layer));
      if (!output) left.push(`layers/${service}/${layer}`);
      else left.push(...output.others.map((name) => `layers/${service}/${layer}/${name}`));
    }
  }
  const uploads = await readdir(join(fleet.storage, 'uploads'), { recursive: true });
  return [...left, ...uploads.filter((name) => /\/\.[^/]*$/.test(name)).map((name) => `uploads/${name}`)];
}
