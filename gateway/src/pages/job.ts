// The page of a job: its documented fields, and its steps as they come.
import type { Worker } from '@sortie/common/gen/sortie/job/v1/job';
import type { JobDetails, JobDocument, StepDetails } from '../arcgis/job.js';
import { html, type Html } from './html.js';

export interface JobPage {
  document: JobDocument;
  /** Address of the layer's page; null until the job has made it. */
  layerPath: string | null;
  /** Workers that are there, for administrators; null for others. */
  workers: readonly Worker[] | null;
}

const hidden = html`hidden`;

const stepLine = (step: StepDetails): Html =>
  html`<li class="step ${step.state}">
    <span class="mark" aria-hidden="true"></span>
    <span class="text">${step.text}</span>
    <span class="code">${step.code}</span>
    <span class="detail">${step.detail}</span>
  </li>`;

/** Whether what read the strangers' files there was confined. A worker that has ended tells nothing any more. */
function confinementOf(worker: Worker | undefined): string {
  if (!worker) return 'not there any more';
  if (!worker.confinement) return 'of a version that does not tell how it is confined';
  const { full, missing } = worker.confinement;
  return full ? 'confined in full' : `NOT confined in full: without ${missing.join(', ')}`;
}

function workersOf(attempts: JobDetails['attempts'], workers: readonly Worker[]): Html {
  const names = [...new Set(attempts.map(({ worker }) => worker))];
  return html`<dt>Workers</dt>
    <dd id="workers">
      ${
        names.length === 0
          ? 'none yet'
          : html`<ul>
              ${names.map((name) => html`<li>${name} (${confinementOf(workers.find((one) => one.name === name))})</li>`)}
            </ul>`
      }
    </dd>`;
}

/** Filled anew by static/job.js while the job runs; complete without scripts. */
export function jobPage({ document, layerPath, workers }: JobPage): Html {
  const { inputs, customAttributes } = document;
  const details = customAttributes.sortie;
  const error = details?.error;
  return html` <h1>Job <code>${document.jobId}</code></h1>
    <p class="status" id="status" data-status="${document.status}" role="status">${document.status}</p>
    <div class="bar">
      <progress id="progress" max="1" value="${details?.progress ?? 0}" aria-label="Progress of the job"></progress>
      <span id="pace"></span>
    </div>
    <p id="failure" class="failure" ${error ? '' : hidden}>${error?.message ?? ''}</p>
    <p id="layer" ${layerPath === null ? hidden : ''}><a class="button" href="${layerPath ?? ''}">Play the layer</a></p>
    <section>
      <h2>Steps</h2>
      <ol id="steps" class="steps">
        ${details?.steps.map(stepLine) ?? []}
      </ol>
      <ul id="notes" class="notes">
        ${details?.warnings.map(({ message }) => html`<li>${message}</li>`) ?? []}
      </ul>
    </section>
    <section>
      <h2>Job</h2>
      <dl>
        <dt>Type</dt>
        <dd>${document.type}</dd>
        <dt>User</dt>
        <dd>${document.username}</dd>
        <dt>Service</dt>
        <dd>${inputs.serviceUrl}</dd>
        <dt>Service item</dt>
        <dd>${inputs.serviceItemId}</dd>
        <dt>Requested resolutions</dt>
        <dd>${inputs.requestedResolutions === '' ? 'those that the source fills' : inputs.requestedResolutions}</dd>
        <dt>Files</dt>
        <dd>${inputs.fileIds}</dd>
        ${workers ? workersOf(details?.attempts ?? [], workers) : ''}
        <dt>New layer</dt>
        <dd>${customAttributes.newLayerId}</dd>
        <dt>Results</dt>
        <dd id="results">
          ${document.results ? `${document.results.serviceName} / ${document.results.layerId} (${document.results.layerName})` : '–'}
        </dd>
        <dt>Messages</dt>
        <dd id="messages">
          <ol>
            ${document.messages.map((text, index) => html`<li>${text} <span class="code">${customAttributes.messageCodes[index]}</span></li>`)}
          </ol>
        </dd>
      </dl>
    </section>`;
}
