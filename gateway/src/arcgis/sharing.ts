// Sharing in ArcGIS's words: `access` of a portal's item, and `everyone` and `org` of its share operation.
import { Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { flag, type Parameters } from '../parameters.js';
import { RestError } from './errors.js';

export type Access = 'private' | 'org' | 'public';

export function accessOf(sharing: Sharing): Access {
  if (sharing === Sharing.SHARING_PUBLIC) return 'public';
  return sharing === Sharing.SHARING_ORGANIZATION ? 'org' : 'private';
}

/** `everyone` includes the organization. `inherit` is ours: a layer without a sharing of its own. Throws 400 without any. */
export function askedSharing(parameters: Parameters): Sharing {
  if (flag(parameters, 'inherit')) return Sharing.SHARING_UNSPECIFIED;
  if (!parameters.has('everyone') && !parameters.has('org'))
    throw new RestError(400, "'everyone' or 'org' is missing: true to share with them, false to stop.");
  if (flag(parameters, 'everyone')) return Sharing.SHARING_PUBLIC;
  return flag(parameters, 'org') ? Sharing.SHARING_ORGANIZATION : Sharing.SHARING_PRIVATE;
}

const words: Readonly<Record<string, Sharing>> = {
  private: Sharing.SHARING_PRIVATE,
  organization: Sharing.SHARING_ORGANIZATION,
  public: Sharing.SHARING_PUBLIC,
};

/** Of what is created; nothing said is left to the Ingest service. Throws 400 for a word that is none. */
export function sharingOf(word: unknown): Sharing {
  if (word === undefined || word === '') return Sharing.SHARING_UNSPECIFIED;
  const sharing = typeof word === 'string' && Object.hasOwn(words, word) ? words[word] : undefined;
  if (sharing === undefined) throw new RestError(400, "'sharing' must be private, organization or public.");
  return sharing;
}
