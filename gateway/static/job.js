// Keeps the page of a job up to date: each event brings the newest document, progress moves the bar.

const element = (id) => document.getElementById(id);
const parameters = new URLSearchParams(location.search);
const token = parameters.get('token');
const address = (path, extra = {}) => {
  const query = new URLSearchParams({ ...(token ? { token } : {}), ...extra });
  return `${location.pathname}${path}?${query}`;
};

const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

function stepLine(step) {
  const line = make('li', `step ${step.state}`);
  const mark = make('span', 'mark');
  mark.setAttribute('aria-hidden', 'true');
  line.append(
    mark,
    make('span', 'text', step.text),
    make('span', 'code', step.code),
    make('span', 'detail', step.detail),
  );
  return line;
}

function show(job) {
  const details = job.customAttributes.sortie;
  const status = element('status');
  status.textContent = job.status;
  status.dataset.status = job.status;
  element('progress').value = details.progress;
  element('steps').replaceChildren(...details.steps.map(stepLine));
  element('notes').replaceChildren(...details.warnings.map(({ message }) => make('li', '', message)));
  const failure = element('failure');
  failure.hidden = details.error === null;
  failure.textContent = details.error?.message ?? '';
  const list = make('ol');
  job.messages.forEach((text, index) => {
    const line = make('li', '', `${text} `);
    line.append(make('span', 'code', job.customAttributes.messageCodes[index]));
    list.append(line);
  });
  element('messages').replaceChildren(list);
  if (job.results) {
    const { serviceName, layerId, layerName } = job.results;
    element('results').textContent = `${serviceName} / ${layerId} (${layerName})`;
    const root = location.pathname.split('/rest/')[0];
    element('layer').hidden = false;
    element('layer').firstElementChild.href =
      `${root}/rest/services/${encodeURIComponent(serviceName)}/VideoServer/${layerId}${
        token ? `?token=${encodeURIComponent(token)}` : ''
      }`;
  }
  pace(details.currentStep);
}

const clock = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
};

function pace(step) {
  const parts = [];
  if (step?.fraction != null) parts.push(`${Math.round(step.fraction * 100)} %`);
  if (step?.fps) parts.push(`${step.fps.toFixed(0)} frames/s`);
  if (step?.remainingSeconds != null) parts.push(`${clock(step.remainingSeconds)} left`);
  element('pace').textContent = parts.join(' · ');
}

/** Answers that stay as they are, however often one asks: no such job, no right to it. */
const finalCodes = [403, 404, 498, 499];
const retryMs = 2_000;

let asking = false;
let askAgain = false;
/** Brings the page up to date. An outage is waited out; `false` says that the page has all there will be. */
async function refresh() {
  if (asking) {
    askAgain = true;
    return true;
  }
  asking = true;
  let goesOn = true;
  do {
    askAgain = false;
    const response = await fetch(address('', { f: 'json', details: 'true' })).catch(() => null);
    const job = await response?.json().catch(() => null);
    if (job?.jobId) {
      show(job);
      goesOn = job.status === 'In Progress';
    } else goesOn = !finalCodes.includes(job?.error?.code);
  } while (askAgain);
  asking = false;
  return goesOn;
}

/** Follows the job until it has ended. An EventSource comes again by itself, unless its answer was none of events. */
function follow() {
  const events = new EventSource(address('/events'));
  events.addEventListener('open', refresh);
  events.addEventListener('event', refresh);
  events.addEventListener('progress', refresh);
  const leave = async () => {
    events.close();
    if (await refresh()) setTimeout(follow, retryMs);
  };
  events.addEventListener('end', leave);
  events.addEventListener('error', () => {
    if (events.readyState === EventSource.CLOSED) leave();
  });
}

if (element('status').dataset.status === 'In Progress') follow();
