// What a request to the Job service may say. Pure.
import { createHash } from 'node:crypto';
import { SortieError } from '@sortie/common/errors';
import {
  JobType,
  Priority,
  State,
  type CreateJobRequest,
  type JobInputs,
  type ListJobsRequest,
} from '@sortie/common/gen/sortie/job/v1/job';
import { isFileId, isJobId } from '@sortie/common/ids';
import { resolutionWords } from '@sortie/common/ladder';
import { checkText, maxFiles, maxLength } from '@sortie/common/text';
import type { ListFilter, RequestKey } from './store.js';

const serviceNameForm = /^[A-Za-z0-9_]{1,120}$/;
const itemIdForm = /^[0-9a-f]{32}$/;

export function validJobId(jobId: string): string {
  if (!isJobId(jobId)) throw new SortieError('NOT_FOUND', 'There is no such job: an id is a j and a UUID.');
  return jobId;
}

function checkInputs(inputs: JobInputs): void {
  const { fileIds, serviceName, layerId, layerName, requestedResolutions, serviceItemId, serviceUrl } = inputs;
  if (fileIds.length === 0 || !fileIds.every(isFileId)) {
    throw SortieError.field('inputs.file_ids', 'must name at least one upload, an i and a UUID each');
  }
  if (fileIds.length > maxFiles) {
    throw SortieError.field('inputs.file_ids', `names ${fileIds.length} files; at most ${maxFiles} are taken`);
  }
  if (!serviceNameForm.test(serviceName)) {
    throw SortieError.field('inputs.service_name', 'must be 1 to 120 letters, digits or underscores');
  }
  if (layerId < 0) throw SortieError.field('inputs.layer_id', 'must not be negative');
  checkText('inputs.layer_name', layerName, { min: 1, max: maxLength.layerName });
  const words = resolutionWords;
  const distinct = new Set(requestedResolutions);
  if (distinct.size < requestedResolutions.length || ![...distinct].every((word) => words.includes(word))) {
    throw SortieError.field('inputs.requested_resolutions', `must be words of ${words.join(', ')}, each once`);
  }
  if (serviceItemId !== '' && !itemIdForm.test(serviceItemId)) {
    throw SortieError.field('inputs.service_item_id', 'must be 32 hexadecimal digits in lower case');
  }
  checkText('inputs.service_url', serviceUrl, { max: maxLength.url });
}

const priorities: readonly Priority[] = [
  Priority.PRIORITY_UNSPECIFIED,
  Priority.PRIORITY_LOW,
  Priority.PRIORITY_NORMAL,
  Priority.PRIORITY_HIGH,
];

/** Throws INVALID_ARGUMENT with the field that is wrong. */
export function checkCreate({ requestId, type, owner, inputs, priority }: CreateJobRequest): JobInputs {
  checkText('request_id', requestId, { max: maxLength.requestId });
  if (type !== JobType.JOB_TYPE_PUBLISH) throw SortieError.field('type', 'must be JOB_TYPE_PUBLISH');
  checkText('owner', owner, { min: 1, max: maxLength.user });
  if (!priorities.includes(priority)) throw SortieError.field('priority', 'must be low, normal or high');
  if (!inputs) throw SortieError.field('inputs', 'is missing');
  checkInputs(inputs);
  return inputs;
}

const digestOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** A request id belongs to its owner and service: nobody gets somebody else's job by guessing it. Null without one. */
export function requestKey({ requestId, owner }: CreateJobRequest, inputs: JobInputs): RequestKey | null {
  if (requestId === '') return null;
  // The address is how the caller reached us, which may change between two tries.
  const { fileIds, requestedResolutions, layerId, layerName, serviceItemId } = inputs;
  const service = inputs.serviceName.toLowerCase();
  return {
    key: digestOf([owner, service, requestId]),
    digest: digestOf([service, fileIds, requestedResolutions, layerId, layerName, serviceItemId]),
    requestId,
  };
}

/** Of the years 1 to 9999: PostgreSQL and protobuf's JSON know no others in common. */
const earliest = Date.parse('0001-01-01T00:00:00Z');
const latest = Date.parse('9999-12-31T23:59:59Z');

function checkTime(field: string, time: Date | undefined): Date | undefined {
  if (time && !(time.getTime() >= earliest && time.getTime() <= latest))
    throw SortieError.field(field, 'must be a time of the years 1 to 9999');
  return time;
}

const states: readonly State[] = [State.STATE_QUEUED, State.STATE_RUNNING, State.STATE_SUCCEEDED, State.STATE_FAILED, State.STATE_CANCELLED]; // prettier-ignore

export function filterOf(request: ListJobsRequest): ListFilter {
  const distinct = new Set(request.states);
  if (distinct.size < request.states.length || ![...distinct].every((state) => states.includes(state)))
    throw SortieError.field('states', 'must be states that a job can have, each once');
  checkText('owner', request.owner, { max: maxLength.user });
  if (request.serviceName !== '' && !serviceNameForm.test(request.serviceName))
    throw SortieError.field('service_name', 'must be 1 to 120 letters, digits or underscores');
  return {
    states: request.states,
    owner: request.owner,
    serviceName: request.serviceName,
    createdAfter: checkTime('created_after', request.createdAfter),
    createdBefore: checkTime('created_before', request.createdBefore),
  };
}
