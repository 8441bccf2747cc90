// A provider of OpenID Connect: pages sign in with an authorization code (OpenID Connect Core section 3.1, with PKCE, state and
// nonce), programs show access tokens of its making (RFC 9068). It is asked when it is first needed, so that the gateway starts
// without it, and again when that failed.
import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import * as client from 'openid-client';
import { SortieError } from '@sortie/common/errors';
import type { User } from '@sortie/common/users';
import { RestError } from '../arcgis/errors.js';
import type { Bearer } from '../sessions/sessions.js';
import { roleOf } from './roles.js';
import type { OidcSettings } from './settings.js';

/** With a key pair only: a secret that both sides know would let any client of the provider sign (RFC 8725 section 3.1). */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const clockToleranceSeconds = 30;

/** What a browser keeps while it is at the provider. */
export interface Pending {
  state: string;
  nonce: string;
  verifier: string;
}

type Claims = Readonly<Record<string, unknown>>;

interface Found {
  configuration: client.Configuration;
  keys: JWTVerifyGetKey;
}

export class Provider {
  private found: Promise<Found> | null = null;

  constructor(
    private readonly settings: OidcSettings,
    private readonly secret: string | null,
  ) {}

  /** As it is called on the page. */
  get name(): string {
    return this.settings.issuer.host;
  }

  private discover(): Promise<Found> {
    this.found ??= this.ask().catch((cause: unknown) => {
      this.found = null;
      throw new SortieError('UNAVAILABLE', `The provider ${this.name} does not answer.`, { cause });
    });
    return this.found;
  }

  private async ask(): Promise<Found> {
    const { issuer, clientId } = this.settings;
    const how = this.secret === null ? client.None() : client.ClientSecretBasic(this.secret);
    // Only a provider of this machine has no https, see settings.ts. It is marked so that it stands out.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const execute = issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [];
    const configuration = await client.discovery(issuer, clientId, undefined, how, { execute });
    return { configuration, keys: createRemoteJWKSet(new URL(configuration.serverMetadata().jwks_uri ?? '')) };
  }

  /** Where to send the browser, and what it has to bring back. */
  async begin(redirectUri: string): Promise<{ url: URL; pending: Pending }> {
    const { configuration } = await this.discover();
    const pending = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: 'openid profile email',
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
    });
    return { url, pending };
  }

  /** Who came back. Throws 400 when the answer is not the one to what this browser began. */
  async finish(address: URL, { state, nonce, verifier }: Pending): Promise<User> {
    const { configuration } = await this.discover();
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
    const answer = await client.authorizationCodeGrant(configuration, address, checks).catch((cause: unknown) => {
      throw new RestError(400, `Signing in with ${this.name} failed; begin anew.`, [(cause as Error).message]);
    });
    return this.userOf({ ...answer.claims() });
  }

  /** Whom an access token stands for; null when it does not hold. */
  async check(token: string): Promise<Bearer | null> {
    const { audience, issuer } = this.settings;
    if (audience === null) return null;
    const { keys, configuration } = await this.discover();
    const wanted = { issuer: configuration.serverMetadata().issuer || issuer.href, audience, algorithms };
    try {
      const requiredClaims = ['exp', 'iat', 'sub'];
      const { payload } = await jwtVerify(token, keys, {
        ...wanted,
        requiredClaims,
        clockTolerance: clockToleranceSeconds,
      });
      const times = { issued: (payload.iat ?? 0) * 1000, expires: (payload.exp ?? 0) * 1000 };
      return { ...this.userOf(payload), ...times, generation: '', binding: { kind: 'none' } };
    } catch (error) {
      if (error instanceof RestError) throw error;
      if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return null;
      throw new SortieError('UNAVAILABLE', `The keys of ${this.name} are not to be had.`, { cause: error });
    }
  }

  private userOf(claims: Claims): User {
    const { nameClaim, roleClaim, roleWords } = this.settings;
    const username = claims[nameClaim];
    if (typeof username !== 'string' || username === '') {
      throw new RestError(403, `${this.name} does not tell '${nameClaim}', which is to be the name of a user.`);
    }
    const role = roleOf(claims, roleClaim, roleWords);
    if (role === null) throw new RestError(403, `${this.name} gives ${username} no role here; see SORTIE_OIDC_ROLES.`);
    return { username, role };
  }
}
