// The one table of what the steps are called towards ArcGIS clients. The 16 texts and codes are those of the documented
// example; codes from 9000 on are Sortie's own, so that nobody takes them for Esri's.
import { Engine, Step } from '@sortie/common/gen/sortie/job/v1/job';

export interface Message {
  text: string;
  code: number;
}

/** In the documented order. */
const documented: readonly (readonly [Step, string, number])[] = [
  [Step.STEP_START, 'Starting Ingest', 117],
  [Step.STEP_PROBE_VIDEO, 'Probing Video Codec', 154],
  [Step.STEP_PROBE_AUDIO, 'Probing Audio', 155],
  [Step.STEP_PROBE_KLV, 'Probing Video Klv', 156],
  [Step.STEP_STREAM_INFO, 'Generating Video Stream Info', 157],
  [Step.STEP_VIDEO_INFO, 'Generating Video Info', 158],
  [Step.STEP_TRANSCODE, 'Transcoding with GPU', 159],
  [Step.STEP_EXTRACT_KLV, 'Extracting KLV Metadata', 160],
  [Step.STEP_HLS, 'Generating HLS Service Files', 161],
  [Step.STEP_POSTER, 'Generating Poster Image', 174],
  [Step.STEP_PREVIEWS, 'Generating Preview Images', 182],
  [Step.STEP_ABR, 'Generating ABR Info Files', 162],
  [Step.STEP_CLEAN_UP, 'Removing Temporary Files', 163],
  [Step.STEP_VERIFY, 'Video Files Created', 205],
  [Step.STEP_SAVE, 'Saving To Storage', 206],
  [Step.STEP_COMPLETE, 'Ingest Complete', 118],
];

const transcodeOnCpu: Message = { text: 'Transcoding with CPU', code: 9159 };

const byStep = new Map<Step, Message>(documented.map(([step, text, code]) => [step, { text, code }]));

/** All steps, in order. */
export const stepOrder: readonly Step[] = documented.map(([step]) => step);

/** What a step is called; the transcode says what encodes, and claims the GPU only when it was one. */
export function stepMessage(step: Step, engine: Engine): Message {
  if (step === Step.STEP_TRANSCODE && engine !== Engine.ENGINE_GPU) return transcodeOnCpu;
  const message = byStep.get(step);
  if (!message) throw new Error(`step ${step} has no message`);
  return message;
}

const stepName = (step: Step, engine: Engine): string =>
  byStep.has(step) ? stepMessage(step, engine).text : 'The job';

export const failedMessage = (step: Step, engine: Engine, why: string): Message => ({
  text: `${stepName(step, engine)} failed: ${why}`,
  code: 9001,
});

/** Beside the transcode's own message: why it is no longer the GPU's. */
export const gpuFailedMessage = (why: string): Message => ({
  text: `Transcoding with GPU failed, the CPU has taken over: ${why}`,
  code: 9160,
});

export const cancelledMessage: Message = { text: 'Ingest Cancelled', code: 9002 };

export const retryMessage = (step: Step, engine: Engine, why: string): Message => ({
  text: `${stepName(step, engine)} failed and is tried again: ${why}`,
  code: 9003,
});
