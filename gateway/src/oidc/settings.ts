// A provider of OpenID Connect, as the environment names it.
import { isLoopback } from '../settings/public-url.js';
import { parseRoleWords, type RoleWords } from './roles.js';

export interface OidcSettings {
  issuer: URL;
  clientId: string;
  /** File of the client's secret; null for a public client, which PKCE protects alone. */
  clientSecretFile: string | null;
  /** Audience of access tokens that the REST interface takes; null to take none. */
  audience: string | null;
  nameClaim: string;
  roleClaim: string;
  roleWords: RoleWords;
}

function parseIssuer(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url !== null && safe) return url;
  throw new Error(
    `SORTIE_OIDC_ISSUER is '${text}'. Write the issuer's address, as https://login.example.com/realms/staff.`,
  );
}

/** Null when no provider is named. */
export function oidcSettings(env: NodeJS.ProcessEnv): OidcSettings | null {
  const issuer = env['SORTIE_OIDC_ISSUER'] ?? '';
  if (issuer === '') return null;
  const needed = (name: string, value: string | undefined, why: string): string => {
    if (value !== undefined && value !== '') return value;
    throw new Error(`${name} is not set, and SORTIE_OIDC_ISSUER is: ${why}.`);
  };
  const clientId = needed('SORTIE_OIDC_CLIENT_ID', env['SORTIE_OIDC_CLIENT_ID'], 'the provider gives it to the client');
  const audience = env['SORTIE_OIDC_AUDIENCE'] ?? null;
  // An ID token says who somebody is, to the client that asked; it is no key to an interface.
  if (audience === clientId) {
    throw new Error(
      'SORTIE_OIDC_AUDIENCE is the client itself, for which ID tokens are made. Name an audience of its own.',
    );
  }
  return {
    issuer: parseIssuer(issuer),
    clientId,
    clientSecretFile: env['SORTIE_OIDC_CLIENT_SECRET_FILE'] ?? null,
    audience,
    // Of all claims, only `sub` is never given to somebody else (OpenID Connect Core section 5.7).
    nameClaim: env['SORTIE_OIDC_NAME_CLAIM'] ?? 'sub',
    roleClaim: env['SORTIE_OIDC_ROLE_CLAIM'] ?? 'roles',
    roleWords: parseRoleWords(
      needed('SORTIE_OIDC_ROLES', env['SORTIE_OIDC_ROLES'], 'it says who becomes what, as sortie-admins=administrator'),
    ),
  };
}
