// Any document as "Label: value" lines, for resources that need no page of their own.
import { html, type Html } from './html.js';

export const properties = (document: unknown): Html => {
  if (Array.isArray(document)) {
    return document.length === 0
      ? html`<em>none</em>`
      : html`<ol>
          ${document.map((entry) => html`<li>${properties(entry)}</li>`)}
        </ol>`;
  }
  if (typeof document === 'object' && document !== null) {
    return html`<dl>
      ${Object.entries(document).map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${properties(value)}</dd>`,
      )}
    </dl>`;
  }
  return html`${document === null || document === undefined || document === '' ? '–' : JSON.stringify(document).replace(/^"|"$/g, '')}`;
};
