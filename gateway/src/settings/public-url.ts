// The address at which users reach the gateway. Links, cookies and what is stored of services are made of it, so it is not taken
// from the Host of a request, which the caller makes up: not where others than this machine can call.
import { isIPv4 } from 'node:net';

/** Host part of a URL or of a Host header, without port. */
const isLoopbackName = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));

/** Whether only this machine can reach what listens there. */
export const isLoopback = (listenHost: string): boolean => isLoopbackName(listenHost.toLowerCase());

/** The origin, as `https://sortie.example.com`; null when it is not set. */
export function parsePublicUrl(text: string, listenHost: string): string | null {
  if (text === '') {
    if (isLoopback(listenHost)) return null;
    throw new Error(
      `SORTIE_PUBLIC_URL is not set, and the gateway listens on ${listenHost}, where others can reach it. Set it to the address ` +
        'that users type, as https://sortie.example.com.',
    );
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  const bare = url !== null && url.pathname === '/' && `${url.search}${url.hash}${url.username}${url.password}` === '';
  if (url === null || !bare || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error(
      `SORTIE_PUBLIC_URL is '${text}'. Write scheme, host and, where it is not the usual one, the port, as ` +
        'https://sortie.example.com; the first part of every path is SORTIE_ROOT.',
    );
  }
  return url.origin;
}

/**
 * The origin when no public one is set: what a client of this machine calls us, a forwarded port included, but no name that
 * stands for something else (a page of another site can make any name lead here).
 */
export function localOrigin(host: string, port: number): string {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return isLoopbackName(name) ? `http://${host.toLowerCase()}` : `http://127.0.0.1:${port}`;
}
