// Whether a request comes from a page of ours. A page of another site must neither act in the name of whoever looks at it, nor
// sign them in as somebody else.
import type { IncomingHttpHeaders } from 'node:http';

/** `unknown`: no browser of today, which say one or the other with every form that they send. */
export type Site = 'ours' | 'other' | 'unknown';

/** By Sec-Fetch-Site (W3C Fetch Metadata, section 2.3), or by Origin (RFC 6454 section 7), where a browser sends only that. */
export function siteOf(headers: IncomingHttpHeaders, ourOrigin: string): Site {
  const site = headers['sec-fetch-site'];
  // `none`: the user's own doing, as typing an address is.
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'ours' : 'other';
  if (headers.origin !== undefined) return headers.origin === ourOrigin ? 'ours' : 'other';
  return 'unknown';
}

/** The address as it goes into the header Location, if it is one of a page of ours; null otherwise. */
export function ourAddress(text: string, ourOrigin: string, root: string): string | null {
  if (!URL.canParse(text, ourOrigin)) return null;
  const { origin, pathname, search, searchParams } = new URL(text, ourOrigin);
  if (origin !== new URL(ourOrigin).origin || !pathname.startsWith(`${root}/`)) return null;
  // "//host" in a Location is another host (RFC 3986 section 4.2), and "/.//host" becomes that.
  if (pathname.startsWith('//')) return null;
  if (!searchParams.has('token')) return pathname + search;
  // A token stays in no address: it would be stronger than the cookie, and end in histories.
  searchParams.delete('token');
  const rest = searchParams.toString();
  return rest === '' ? pathname : `${pathname}?${rest}`;
}
