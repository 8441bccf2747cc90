// The page of a layer: its picture, its previews, its facts. static/player.js plays it with hls.js.
import type { Layer } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { html, type Html } from './html.js';
import { properties } from './properties.js';
import { sharingForm } from './sharing.js';

export interface LayerPage {
  layer: Layer;
  document: Record<string, unknown>;
  /** Address of the layer, and what keeps the token in links. */
  url: string;
  query: string;
  /** Whether whoever looks may change who sees it. */
  mayShare: boolean;
}

export function layerPage({ layer, document, url, query, mayShare }: LayerPage): Html {
  const { previews, telemetry } = layer;
  return html` <h1>${layer.name}</h1>
    <div class="player">
      <video
        id="video"
        controls
        playsinline
        preload="metadata"
        poster="${url}/poster.jpg${query}"
        data-source="${url}/ABR.m3u8${query}"
      ></video>
      <div
        class="previews"
        id="previews"
        data-sheet="${url}/previews.jpg${query}"
        data-columns="${previews?.columns ?? 0}"
        data-width="${previews?.width ?? 0}"
        data-height="${previews?.height ?? 0}"
        data-times="${JSON.stringify(previews?.timesSeconds ?? [])}"
        data-duration="${layer.durationSeconds}"
      >
        <canvas id="preview" width="${previews?.width ?? 0}" height="${previews?.height ?? 0}" hidden></canvas>
        <input
          id="seek"
          type="range"
          min="0"
          max="${layer.durationSeconds}"
          step="any"
          value="0"
          aria-label="Position"
        />
      </div>
      <p class="facts"><span id="quality"></span> <span id="time"></span></p>
      <p id="player-error" class="failure" hidden></p>
    </div>
    <section ${telemetry && telemetry.packets > 0 ? '' : html`hidden`}>
      <h2>Telemetry at this moment</h2>
      <dl id="telemetry"></dl>
      <p>
        <a href="${url}/telemetry/packets.ndjson${query}">Packets</a>
        <a href="${url}/telemetry/telemetry.csv${query}">Table</a>
        <a href="${url}/telemetry/track.geojson${query}">Track</a>
        <a href="${url}/telemetry/report.json${query}">Health report</a>
      </p>
    </section>
    <section>
      <h2>Renditions</h2>
      <table>
        <thead>
          <tr>
            <th>Name</th>
            <th>Size</th>
            <th>Average</th>
            <th>Peak</th>
            <th>Codec</th>
          </tr>
        </thead>
        <tbody>
          ${layer.renditions.map(
            (rendition) =>
              html`<tr>
                <td>${rendition.name}</td>
                <td>${rendition.width}×${rendition.height}</td>
                <td>${Math.round(rendition.averageBandwidth / 1000)} kb/s</td>
                <td>${Math.round(rendition.bandwidth / 1000)} kb/s</td>
                <td>${rendition.codecs}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </section>
    ${mayShare ? sharingForm({ action: `${url}/share${query}`, own: layer.sharing, effective: layer.effectiveSharing }) : ''}
    <section>
      <h2>Layer</h2>
      ${properties(document)}
    </section>`;
}
