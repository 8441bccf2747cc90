// Reading a job through the gateway beside a bare Fastify route that answers with the same bytes, in the same run. The programs show
// each other certificates (mutual TLS), and each request is made with a token.
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { JobServiceClient, JobType, Priority, type CreateJobRequest } from '@sortie/common/gen/sortie/job/v1/job';
import { call, connect } from '@sortie/common/grpc';
import { openIdentity } from '@sortie/common/identity/identity';
import { Rest } from '../rest.js';
import { startFleet } from '../testing/fleet.js';

const rounds = 5;

async function rate(url: string, headers: Record<string, string>): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const until = performance.now() + 4_000;
  let done = 0;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) =>
      request(url, { agent, headers }, (response) => {
        response.resume();
        response.on('end', resolve);
      })
        .on('error', reject)
        .end(),
    );
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (performance.now() < until) {
        await one();
        done++;
      }
    }),
  );
  agent.destroy();
  return done / ((performance.now() - began) / 1000);
}

/** As a Job service takes it; no worker is there, so it waits. */
const waiting = (): CreateJobRequest => ({
  requestId: '',
  type: JobType.JOB_TYPE_PUBLISH,
  owner: 'admin',
  inputs: {
    serviceItemId: '0'.repeat(32),
    requestedResolutions: ['sd', 'hd'],
    fileIds: [`i${randomUUID()}`],
    serviceUrl: 'http://localhost/arcgis/rest/services/Read/VideoServer',
    serviceName: 'Read',
    layerId: 0,
    layerName: 'Read',
  },
  priority: Priority.PRIORITY_UNSPECIFIED,
  validateOnly: false,
});

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
const say = (what: string, value: string): void => void process.stdout.write(`${what.padEnd(58)} ${value}\n`);

say('machine', `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`);
const fleet = await startFleet({ job: 1, 'ingest-api': 1, worker: 0, gateway: 1 }, {}, { certificates: true });
try {
  const address = `127.0.0.1:${fleet.of('job')[0]?.port ?? 0}`;
  const jobs = connect(JobServiceClient, address, openIdentity(fleet.identity('operator')));
  const gateway = fleet.gateways[0] ?? '';
  const rest = new Rest(gateway);
  const token = await rest.signIn(fleet.admin.username, fleet.admin.password, 600);
  const names = { waits: 'GET of a job that waits', ended: 'GET of an ended job' } as const;
  for (const state of ['waits', 'ended'] as const) {
    const { job } = await call(jobs.createJob.bind(jobs), waiting());
    const jobId = job?.jobId ?? '';
    if (state === 'ended') await call(jobs.cancelJob.bind(jobs), { jobId, user: '' });
    const document = await rest.jobText(jobId, false);
    const bare = fork(fileURLToPath(new URL('./bare.js', import.meta.url)), [document]);
    const [{ port }] = (await once(bare, 'message')) as [{ port: number }];
    const pairs: [own: number, peer: number][] = [];
    for (let round = 0; round < rounds; round++) {
      const peer = await rate(`http://127.0.0.1:${port}/job`, {});
      const own = await rate(`${gateway}/arcgis/rest/jobs/job/${jobId}?f=json`, { authorization: `Bearer ${token}` });
      pairs.push([own, peer]);
    }
    bare.disconnect();
    const ratio = median(pairs.map(([own, peer]) => own / peer));
    const [own, peer] = [median(pairs.map(([value]) => value)), median(pairs.map(([, value]) => value))];
    say(
      `${names[state]}, requests/s; bare Fastify, ratio`,
      `${own.toFixed(0)}; ${peer.toFixed(0)}, ${ratio.toFixed(2)}`,
    );
  }
  jobs.close();
} finally {
  await fleet.stop();
}
