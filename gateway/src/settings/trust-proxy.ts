// Which proxies are believed when they say whom they speak for (X-Forwarded-For, -Proto, -Host). Anybody can write such headers, so
// "all of them" is no answer: the leftmost address would be whatever the caller made up, with every limit by address and every
// token that is bound to one.
import { isIP } from 'node:net';

/** Networks of the proxies, or how many of them stand in front; false for none. As Fastify takes it. */
export type TrustProxy = string[] | number | false;

const mostHops = 16;

function isNetwork(text: string): boolean {
  const [address = '', bits, rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest !== undefined) return false;
  if (bits === undefined) return true;
  const most = version === 4 ? 32 : 128;
  // Everybody is not a proxy: /0 is 'true' in other words.
  return /^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= most;
}

export function parseTrustProxy(text: string): TrustProxy {
  const value = text.trim();
  if (value === '' || value === 'false' || value === '0') return false;
  if (/^\d+$/.test(value) && Number(value) <= mostHops) return Number(value);
  const networks = value.split(',').map((entry) => entry.trim());
  const wrong = networks.find((entry) => !isNetwork(entry));
  if (wrong === undefined) return networks;
  throw new Error(
    `SORTIE_TRUST_PROXY holds '${wrong}'. Write the networks of your proxies, as 10.0.0.0/8,127.0.0.1, or the number of ` +
      'proxies that stand in front of the gateway, as 1; leave it out when there is none.',
  );
}
