// Who may call which method: the arrows of the architecture, and no others. What is not named here nobody may call.
import type { Caller } from './caller.js';

type Kind = Caller['kind'];

const publishers: readonly Kind[] = ['gateway', 'client', 'operator'];
const readers: readonly Kind[] = ['gateway', 'client', 'operator'];
const anyone: readonly Kind[] = ['gateway', 'ingest-api', 'job', 'worker', 'client', 'operator'];

const jobMethods: Readonly<Record<string, readonly Kind[]>> = {
  CreateJob: ['ingest-api', 'operator'],
  // A worker asks before it takes what an earlier attempt left.
  GetJob: [...readers, 'worker'],
  // Who sweeps asks which jobs are over.
  BatchGetJobs: [...readers, 'ingest-api'],
  ListJobs: readers,
  WatchJob: readers,
  CancelJob: publishers,
  StartAttempt: ['worker'],
  Heartbeat: ['worker'],
  RenewLeases: ['worker'],
  ReportStep: ['worker'],
  CommitAttempt: ['worker'],
  FinishAttempt: ['worker'],
  ReportWorker: ['worker'],
  ListWorkers: readers,
  AcquireLock: ['ingest-api', 'worker', 'operator'],
};

const ingestMethods: Readonly<Record<string, readonly Kind[]>> = {
  UploadFile: publishers,
  GetFile: readers,
  CreateService: publishers,
  ListServices: readers,
  GetService: readers,
  AddLayer: publishers,
  GetLayer: readers,
  ReadLayerFile: readers,
};

const services: Readonly<Record<string, Readonly<Record<string, readonly Kind[]>>>> = {
  'sortie.job.v1.JobService': jobMethods,
  'sortie.ingest.v1.IngestService': ingestMethods,
};

/** What every server offers beside its own service: whether it is well, and what it offers. */
const common = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

/** `path`: `/package.Service/Method`. */
export function mayCall(path: string, { kind }: Caller): boolean {
  const [, service = '', method = ''] = path.split('/');
  if (common.includes(service)) return anyone.includes(kind);
  const methods = Object.hasOwn(services, service) ? services[service] : undefined;
  return methods !== undefined && Object.hasOwn(methods, method) && methods[method]?.includes(kind) === true;
}
