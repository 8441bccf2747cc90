// Plays the layer with hls.js, shows previews over the position, and the telemetry of the moment from the cues.
import Hls from './hls.mjs';

const element = (id) => document.getElementById(id);
const video = element('video');
const previews = element('previews');
const failure = element('player-error');

function fail(text) {
  failure.hidden = false;
  failure.textContent = text;
}

if (Hls.isSupported()) {
  const hls = new Hls({ enableWorker: false });
  // Cues are read by us and not drawn over the picture: a hidden track is loaded, a disabled one is not.
  video.textTracks.addEventListener('addtrack', ({ track }) => {
    track.mode = 'hidden';
  });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => {
    const { width, height } = hls.levels[level];
    element('quality').textContent = `${width}×${height}`;
  });
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (data.fatal) fail(`The video cannot be played: ${data.details}.`);
  });
  hls.loadSource(video.dataset.source);
  hls.attachMedia(video);
  window.sortiePlayer = hls;
} else if (video.canPlayType('application/vnd.apple.mpegurl')) {
  video.src = video.dataset.source;
} else {
  fail('This browser can play neither HLS nor Media Source Extensions.');
}

const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 21);

// Telemetry: every cue is one JSON line for the moment it covers.
const shown = element('telemetry');
const uasSet = 10000;
const securitySet = 20000;
const classification = 20001;

/** "SensorHorizontalFieldofView" in words. */
const words = (name) =>
  name.replace(/[a-z](?=[A-Z\d])|\d(?=[A-Z])|[A-Z](?=[A-Z][a-z])/g, '$& ').replace('Fieldof', 'Field of');
const signs = { deg: '°', degC: ' °C', '%': ' %' };
/** Degrees to a tenth of a metre on the ground, all else to hundredths. */
const quantity = (value, units = '') =>
  `${Number(value.toFixed(units === 'deg' ? 6 : 2))}${signs[units] ?? (units && ` ${units}`)}`;

/** A damaged stamp may lie beyond what a Date can hold (ECMA-262, section 21.4.1.1). */
const moment = (microseconds) =>
  Math.abs(microseconds) < 8.64e18 ? new Date(microseconds / 1000).toISOString() : quantity(microseconds, 'us');

/** Pairs of name and text; the marking is "unknown" unless the telemetry tells. */
function rowsOf(sets) {
  const set = (tagId) => sets.find((candidate) => candidate.tagId === tagId)?.value ?? [];
  const marking = set(securitySet).find(({ tagId }) => tagId === classification);
  const rows = [['Security Classification', marking?.meaning ?? 'unknown']];
  for (const { name, value, units, meaning } of set(uasSet)) {
    if (meaning !== undefined) rows.push([words(name), [meaning].flat().join(', ')]);
    else if (typeof value === 'number')
      rows.push([words(name), units === 'us' ? moment(value) : quantity(value, units)]);
    else if (typeof value === 'string' && value !== '') rows.push([words(name), value]);
  }
  return rows;
}

function showTelemetry() {
  for (const track of video.textTracks) {
    if (track.mode === 'disabled') continue;
    const cue = track.activeCues?.[0];
    if (!cue) continue;
    let rows;
    try {
      rows = rowsOf(JSON.parse(cue.text).data);
    } catch {
      continue;
    }
    shown.replaceChildren(
      ...rows.flatMap((row) =>
        row.map((text, index) => {
          const cell = document.createElement(index === 0 ? 'dt' : 'dd');
          cell.textContent = text;
          return cell;
        }),
      ),
    );
    return;
  }
}

const seek = element('seek');
video.addEventListener('timeupdate', () => {
  if (!seek.matches(':active')) seek.value = video.currentTime;
  element('time').textContent = clock(video.currentTime);
  showTelemetry();
});
seek.addEventListener('input', () => {
  video.currentTime = Number(seek.value);
});

// Previews: the tile of the position under the pointer, cut from the sprite sheet.
const times = JSON.parse(previews.dataset.times);
const canvas = element('preview');
if (times.length > 0) {
  const sheet = new Image();
  sheet.src = previews.dataset.sheet;
  const width = Number(previews.dataset.width);
  const height = Number(previews.dataset.height);
  const columns = Number(previews.dataset.columns);
  seek.addEventListener('pointermove', (event) => {
    const share = event.offsetX / seek.clientWidth;
    const time = share * Number(previews.dataset.duration);
    let tile = 0;
    while (tile + 1 < times.length && times[tile + 1] <= time) tile++;
    canvas
      .getContext('2d')
      .drawImage(
        sheet,
        (tile % columns) * width,
        Math.floor(tile / columns) * height,
        width,
        height,
        0,
        0,
        width,
        height,
      );
    canvas.style.left = `${Math.max(0, Math.min(seek.clientWidth - width, event.offsetX - width / 2))}px`;
    canvas.hidden = false;
  });
  seek.addEventListener('pointerleave', () => {
    canvas.hidden = true;
  });
}
