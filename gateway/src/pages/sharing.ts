// Who sees a service or a layer, for its owner: a form of three or four buttons, which needs no script.
import { Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { html, type Html } from './html.js';

export interface SharingForm {
  /** Where the form goes. */
  action: string;
  own: Sharing;
  /** Of a layer: what counts, with its service's. */
  effective?: Sharing;
}

const texts: Partial<Record<Sharing, string>> = {
  [Sharing.SHARING_UNSPECIFIED]: 'As the service',
  [Sharing.SHARING_ORGANIZATION]: 'Everybody who has signed in',
  [Sharing.SHARING_PUBLIC]: 'Everybody, without a token',
};
const textOf = (sharing: Sharing): string => texts[sharing] ?? 'Its owner and administrators';

const buttons: readonly [Sharing, string, string][] = [
  [Sharing.SHARING_UNSPECIFIED, 'inherit', 'true'],
  [Sharing.SHARING_PRIVATE, 'everyone', 'false'],
  [Sharing.SHARING_ORGANIZATION, 'org', 'true'],
  [Sharing.SHARING_PUBLIC, 'everyone', 'true'],
];

export function sharingForm({ action, own, effective }: SharingForm): Html {
  const offered = buttons.filter(([sharing]) => effective !== undefined || sharing !== Sharing.SHARING_UNSPECIFIED);
  return html` <section>
    <h2>Who sees it</h2>
    <p id="sharing">
      ${textOf(own)}${effective === undefined || effective === own ? '' : html`; that is: ${textOf(effective)}`}
    </p>
    <form method="post" action="${action}" class="sharing">
      ${offered.map(
        ([sharing, name, value]) =>
          html`<button name="${name}" value="${value}" ${sharing === own ? html`disabled` : ''}>
            ${textOf(sharing)}
          </button>`,
      )}
    </form>
  </section>`;
}
