// An error as ArcGIS's directory shows it.
import type { RestError } from '../arcgis/errors.js';
import { html, type Html } from './html.js';

export const errorPage = ({ code, message, details }: RestError): Html =>
  html` <h1>Error</h1>
    <p class="failure">Error: ${message}</p>
    <p>Code: ${code}</p>
    <ul>
      ${details.map((detail) => html`<li>${detail}</li>`)}
    </ul>`;
