// A fleet, and one scenario after the other on it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { GatewayError, Rest, type JobView } from '../rest.js';
import { startFleet } from '../testing/fleet.js';
import { faults, type Site } from './faults.js';
import type { Order, Reached } from './hold.js';
import { leftBehind } from './left-behind.js';
import { differences, outputOf, type Output } from './output.js';
import type { Scenario } from './scenarios.js';
import { startSilentProxy, type SilentProxy } from './silent-proxy.js';

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const holdMs = 700;
const patienceMs = 300_000;

export interface Result extends Scenario {
  status: string;
  attempts: number;
  /** Steps that were done again by a later attempt. */
  repeatedSteps: number;
  /** More than an undisturbed job of the same fleet takes, without the holding. */
  lostSeconds: number;
  /** What is wrong; empty when the job ended as it should. */
  wrong: string[];
}

export class Harness {
  private constructor(
    private readonly site: Site,
    private readonly clients: readonly Rest[],
    private readonly flight: string,
    private readonly control: string,
    private readonly work: string,
    private readonly mount: string | null,
    private expected: Output,
    private undisturbedSeconds: number,
  ) {}

  /** `ownStorage`: mounts a file system for it, which needs root. */
  static async start(ownStorage: boolean): Promise<Harness> {
    const control = await mkdtemp(join(tmpdir(), 'sortie-chaos-'));
    await chmod(control, 0o755);
    let mount: string | null = null;
    if (ownStorage) {
      mount = join(control, 'mount');
      await mkdir(mount);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', mount]);
    }
    const storage = join(mount ?? control, 'storage');
    const work = join(storage, '.work');
    let proxy: SilentProxy | undefined;
    const fleet = await startFleet(
      { job: 2, 'ingest-api': 2, gateway: 2, worker: 2 },
      { SORTIE_ENGINE: 'cpu', SORTIE_THREADS: '1', SORTIE_WORK_DIRECTORY: work, CHAOS_CONTROL: control },
      {
        storage,
        preload: new URL('./hold.js', import.meta.url).href,
        database: async (url) => {
          const address = new URL(url);
          proxy = await startSilentProxy(Number(address.port));
          address.port = String(proxy.port);
          return address.href;
        },
      },
    );
    if (!proxy) throw new Error('the fleet asked for no database');
    const clients = fleet.gateways.map((gateway) => new Rest(gateway));
    const token = await clients[0]?.signIn(fleet.admin.username, fleet.admin.password, 600);
    for (const client of clients) client.use(token ?? '');
    const flight = join(control, 'flight.ts');
    await generateFlight(flight, { seconds: 9, width: 320, height: 180, fps: 30 });
    const site = { fleet, proxy, ownStorage };
    const empty: Output = { jobId: '', files: [], segments: {}, packets: 0, faults: [], others: [] };
    const harness = new Harness(site, clients, flight, control, work, mount, empty, 0);
    await harness.undisturbed();
    return harness;
  }

  private async undisturbed(): Promise<void> {
    const job = await this.ended(await this.publish('Undisturbed'));
    const output = outputOf(this.site.fleet.storage, 'Undisturbed');
    if (job.status !== 'COMPLETED' || !output) throw new Error(`an undisturbed job is ${job.status}`);
    this.expected = output;
    this.undisturbedSeconds = secondsOf(job);
  }

  /** Asks one gateway after the other, as behind a load balancer, until one answers with something that does not pass. */
  private async ask<T>(act: (client: Rest) => Promise<T>): Promise<T> {
    const end = Date.now() + patienceMs;
    for (let round = 0; ; round++) {
      const client = this.clients[round % this.clients.length];
      if (!client) throw new Error('there is no gateway');
      try {
        return await act(client);
      } catch (error) {
        const final = error instanceof GatewayError && error.code < 500;
        if (final || Date.now() > end) throw error;
        await sleep(100);
      }
    }
  }

  private async publish(service: string): Promise<string> {
    await this.ask((client) => client.createService(service));
    const file = await this.ask((client) => client.upload(this.flight, () => undefined));
    return this.ask((client) => client.addLayer(service, 'Layer', [file], 'sd'));
  }

  private async ended(jobId: string): Promise<JobView> {
    const end = Date.now() + patienceMs;
    for (;;) {
      const job = await this.ask((client) => client.job(jobId));
      if (job.status !== 'In Progress' || Date.now() > end) return job;
      await sleep(100);
    }
  }

  private async reached(): Promise<Reached | null> {
    for (const end = Date.now() + patienceMs; Date.now() < end;) {
      const path = join(this.control, 'reached.json');
      if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as Reached;
      await sleep(2);
    }
    return null;
  }

  async run(scenario: Scenario, number: number): Promise<Result> {
    const { fault, step, where, maxAttempts } = scenario;
    const service = `S${number}`;
    const ofChild = fault.startsWith('child');
    const order: Order = { step, where, attempt: 1, ms: ofChild ? 0 : holdMs };
    await rm(join(this.control, 'reached.json'), { force: true });
    await writeFile(join(this.control, 'order.json'), JSON.stringify(order));
    const jobId = await this.publish(service);
    const reached = await this.reached();
    const wrong: string[] = reached ? [] : ['the moment never came'];
    const act = faults[fault];
    if (!act) throw new Error(`there is no fault "${fault}"`);
    const over = reached ? (await act(this.site, reached))() : Promise.resolve();
    const job = await this.ended(jobId);
    await over;
    await rm(join(this.control, 'order.json'), { force: true });
    const { attempts = [], steps = [] } = job.customAttributes.sortie ?? {};
    if (job.status !== 'COMPLETED') wrong.push(`${job.status}: ${job.messages.at(-1) ?? ''}`);
    else wrong.push(...differences(this.expected, outputOf(this.site.fleet.storage, service)));
    if (new Set(job.messages).size < job.messages.length) wrong.push('a message came twice');
    if (attempts.length > maxAttempts) wrong.push(`${attempts.length} attempts`);
    return {
      ...scenario,
      status: job.status,
      attempts: attempts.length,
      repeatedSteps: steps.length - new Set(steps.map(({ text }) => text)).size,
      lostSeconds: secondsOf(job) - this.undisturbedSeconds - (ofChild ? 0 : holdMs / 1000),
      wrong,
    };
  }

  /** What is left behind once all that sweeps has swept. */
  leftBehind(): Promise<string[]> {
    return leftBehind(this.site.fleet, this.work);
  }

  async stop(): Promise<void> {
    this.site.proxy.stop();
    for (const worker of this.site.fleet.of('worker')) await worker.stop('SIGKILL');
    await this.site.fleet.stop();
    if (this.mount !== null) execFileSync('umount', ['--lazy', this.mount]);
    await rm(this.control, { recursive: true, force: true });
  }
}

function secondsOf(job: JobView): number {
  const { createTime, endTime } = job.customAttributes.sortie ?? {};
  return (Date.parse(endTime ?? '') - Date.parse(createTime ?? '')) / 1000;
}
