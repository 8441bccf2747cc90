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

let asking = false;
let askAgain = false;
async function refresh() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  do {
    askAgain = false;
    const response = await fetch(address('', { f: 'json', details: 'true' })).catch(() => null);
    const job = response?.ok ? await response.json() : null;
    if (job?.jobId) show(job);
  } while (askAgain);
  asking = false;
}

if (element('status').dataset.status === 'In Progress') {
  const events = new EventSource(address('/events'));
  events.addEventListener('event', refresh);
  events.addEventListener('progress', refresh);
  events.addEventListener('end', () => {
    events.close();
    refresh();
  });
}
