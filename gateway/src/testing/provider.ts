// A real provider of OpenID Connect on this machine, and a browser that signs in there.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider, type ClientMetadata, type Configuration } from 'oidc-provider';

export const clientSecret = 'a secret of the client';
export const audience = 'https://sortie.example.com/arcgis';

export interface TestProvider {
  issuer: string;
  /** An access token as programs get it; the role words are in it. */
  accessToken(resource: string, words: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startProvider(redirectUris: () => string[]): Promise<TestProvider> {
  let listener: RequestListener = () => undefined;
  const server = createServer((request, response) => listener(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = (id: string, grants: string[], uris: string[]): ClientMetadata => ({
    client_id: id,
    client_secret: clientSecret,
    redirect_uris: uris,
    response_types: uris.length > 0 ? (['code'] as const).slice() : [],
    grant_types: grants,
  });
  const provider = new Provider(issuer, {
    clients: [
      client('sortie', ['authorization_code'], redirectUris()),
      client('staff', ['client_credentials'], []),
      client('nobody', ['client_credentials'], []),
    ],
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'roles'] },
    // Whoever is called `staff-…` is one of the staff.
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, roles: [sub.split('-')[0]] }) }),
    extraTokenClaims: (_, token) => ({ roles: [token.clientId] }),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => [],
        getResourceServerInfo: (_, indicator) => ({
          scope: '',
          audience: indicator,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  } satisfies Configuration);
  listener = provider.callback();
  return {
    issuer,
    accessToken: async (resource, words) => {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${words}:${encodeURIComponent(clientSecret)}`).toString('base64')}`,
        },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource }),
      });
      return ((await response.json()) as { access_token: string }).access_token;
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Keeps cookies by origin; follows nothing by itself. */
export class Browser {
  private readonly jars = new Map<string, Map<string, string>>();

  async ask(address: string, form?: Record<string, string>): Promise<{ response: Response; text: string }> {
    const { origin } = new URL(address);
    const jar = this.jars.get(origin) ?? new Map<string, string>();
    this.jars.set(origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const body = form ? { method: 'POST', body: new URLSearchParams(form) } : {};
    const response = await fetch(address, { redirect: 'manual', headers: { cookie }, ...body });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') jar.delete(name);
      else jar.set(name, value);
    }
    return { response, text: await response.text() };
  }

  /** Signs in at the provider, agrees, and gives the address that the provider then leads to. */
  async signIn(start: string, login: string, ours: string): Promise<string> {
    let address = start;
    for (let step = 0; step < 20; step++) {
      if (address.startsWith(`${ours}/rest/oidc/callback`)) return address;
      let { response, text } = await this.ask(address);
      const [, action] = /<form[^>]* action="([^"]+)"/.exec(text) ?? [];
      const [, prompt = ''] = /name="prompt" value="([^"]+)"/.exec(text) ?? [];
      if (action !== undefined) {
        const form = prompt === 'login' ? { prompt, login, password: 'any' } : { prompt };
        ({ response, text } = await this.ask(new URL(action, address).href, form));
      }
      const location = response.headers.get('location');
      if (location === null) throw new Error(`The provider answered ${response.status}: ${text.slice(0, 500)}`);
      address = new URL(location, address).href;
    }
    throw new Error('The provider leads nowhere.');
  }
}
