// The faults and the moments at which they come, enumerated.
import { Step } from '@sortie/common/gen/sortie/job/v1/job';
import type { Order } from './hold.js';

export interface Scenario {
  fault: string;
  step: Step;
  where: Order['where'];
  /** How many attempts a job may take: one, for all but faults of the worker itself and of its storage. */
  maxAttempts: number;
}

export const steps = Object.values(Step).filter(
  (step): step is Step => typeof step === 'number' && step !== Step.STEP_UNSPECIFIED && step !== Step.UNRECOGNIZED,
);

const everywhere = [
  'worker killed',
  'Job service 0 killed',
  'Job service 1 killed',
  'both Job services killed',
  'Ingest API killed',
  'gateway killed',
  'nats-server killed',
  'database killed',
  'storage full 5 s',
  'storage read-only 5 s',
];

/** Steps in which a confined child works: ffprobe, the telemetry reader, the engine, the telemetry reader, the verifier. */
const childSteps = [
  Step.STEP_PROBE_VIDEO,
  Step.STEP_PROBE_KLV,
  Step.STEP_TRANSCODE,
  Step.STEP_EXTRACT_KLV,
  Step.STEP_VERIFY,
];

/** Faults that last: at the beginning, in the middle, at the end. */
const lasting = [
  'directory of NATS deleted',
  'database away 7 s',
  'database away 60 s',
  'database silent, new connections work',
  'database frozen 20 s',
  'worker frozen for three leases',
  'Job service 0 frozen 30 s',
  'both Job services frozen 30 s',
];
const lastingSteps = [Step.STEP_START, Step.STEP_TRANSCODE, Step.STEP_SAVE];

const attemptsOf = (fault: string): number => {
  if (fault.startsWith('worker')) return 2;
  // A job that fails for want of room is tried again until there is some.
  return fault.startsWith('storage') ? 20 : 1;
};

const at = (fault: string, step: Step, where: Order['where'] = 'begin'): Scenario => ({ fault, step, where, maxAttempts: attemptsOf(fault) }); // prettier-ignore

export const scenarios: readonly Scenario[] = [
  ...everywhere.flatMap((fault) => steps.map((step) => at(fault, step))),
  ...childSteps.map((step) => at('child of the worker killed', step)),
  ...['worker killed', 'both Job services killed', 'database killed'].flatMap((fault) =>
    [Step.STEP_START, Step.STEP_TRANSCODE, Step.STEP_SAVE, Step.STEP_COMPLETE].map((step) => at(fault, step, 'end')),
  ),
  ...lasting.flatMap((fault) => lastingSteps.map((step) => at(fault, step))),
];

export const nameOf = ({ fault, step, where }: Scenario): string => `${fault} · ${Step[step].slice('STEP_'.length)} · ${where}`; // prettier-ignore
