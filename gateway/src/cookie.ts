// The cookie in which a browser keeps its token. Scripts cannot read it, and requests that another site begins do not carry it.
import type { Context } from './context.js';

interface Rule {
  name: string;
  attributes: string;
}

/**
 * Behind https the name begins with __Host-: browsers then take the cookie over https only, and from this host only, so that no
 * neighbour under the same domain can put its own in place (RFC 6265bis section 4.1.3.2). The prefix asks for Path=/. Without
 * https, which is for this machine and for trials, there is no such protection to be had.
 */
function ruleOf({ publicUrl, root }: Context): Rule {
  const always = 'HttpOnly; SameSite=Strict';
  return publicUrl?.startsWith('https:') === true
    ? { name: '__Host-sortie_token', attributes: `Path=/; Secure; ${always}` }
    : { name: 'sortie_token', attributes: `Path=${root === '' ? '/' : root}; ${always}` };
}

export function cookieWith(context: Context, token: string, expires: number, now: number): string {
  const { name, attributes } = ruleOf(context);
  return `${name}=${token}; ${attributes}; Max-Age=${Math.max(0, Math.floor((expires - now) / 1000))}`;
}

export const noCookie = (context: Context): string => cookieWith(context, '', 0, 0);

/** The token in the header Cookie; empty when there is none. */
export function tokenInCookie(context: Context, header: string | undefined): string {
  const { name } = ruleOf(context);
  const entries = (header ?? '').split(/;\s*/);
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}
