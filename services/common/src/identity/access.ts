// Who may call which method: the arrows of the architecture, and no others. What is not named here nobody may call.
import type { Caller } from './caller.js';

type Kind = Caller['kind'];

/** Those behind whom there are people. */
const outside: readonly Kind[] = ['gateway', 'client', 'operator'];

const jobMethods: Readonly<Record<string, readonly Kind[]>> = {
  CreateJob: ['ingest-api', 'operator'],
  // A worker asks before it takes what an earlier attempt left.
  GetJob: [...outside, 'worker'],
  // Who sweeps asks which jobs are over.
  BatchGetJobs: [...outside, 'ingest-api'],
  ListJobs: outside,
  WatchJob: outside,
  CancelJob: outside,
  StartAttempt: ['worker'],
  Heartbeat: ['worker'],
  RenewLeases: ['worker'],
  ReportStep: ['worker'],
  CommitAttempt: ['worker'],
  FinishAttempt: ['worker'],
  ReportWorker: ['worker'],
  ListWorkers: outside,
  AcquireLock: ['ingest-api', 'worker', 'operator'],
};

const ingestMethods: Readonly<Record<string, readonly Kind[]>> = {
  UploadFile: outside,
  GetFile: outside,
  CreateService: outside,
  UpdateService: outside,
  CheckServiceName: outside,
  ListServices: outside,
  GetService: outside,
  AddLayer: outside,
  GetLayer: outside,
  UpdateLayer: outside,
  ReadLayerFile: outside,
};

const auditMethods: Readonly<Record<string, readonly Kind[]>> = {
  RecordEvents: ['gateway', 'ingest-api'],
  // Of the gateway with the word of an administrator only.
  ListEvents: ['gateway', 'operator'],
};

const services: Readonly<Record<string, Readonly<Record<string, readonly Kind[]>>>> = {
  'sortie.job.v1.JobService': jobMethods,
  'sortie.ingest.v1.IngestService': ingestMethods,
  'sortie.audit.v1.AuditService': auditMethods,
};

/** What every server offers beside its own service, to all who show who they are: whether it is well, and what it offers. */
const common = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

/** `path`: `/package.Service/Method`. */
export function mayCall(path: string, { kind }: Caller): boolean {
  const [, service = '', method = ''] = path.split('/');
  if (common.includes(service)) return true;
  const methods = Object.hasOwn(services, service) ? services[service] : undefined;
  return methods !== undefined && Object.hasOwn(methods, method) && methods[method]?.includes(kind) === true;
}
