// The cookie in which a browser keeps its token. Scripts cannot read it, and requests that another site begins do not carry it.
import type { Context } from './context.js';
import type { Pending } from './oidc/provider.js';

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

function valueIn(name: string, header: string | undefined): string {
  const entries = (header ?? '').split(/;\s*/);
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}

/** The token in the header Cookie; empty when there is none. */
export const tokenInCookie = (context: Context, header: string | undefined): string =>
  valueIn(ruleOf(context).name, header);

export interface PendingSignIn extends Pending {
  /** The page that it leads back to. */
  next: string;
}

const pendingSeconds = 600;

/** Lax: the browser comes back from the provider, which is another site. */
function pendingRule(context: Context): Rule {
  const { name, attributes } = ruleOf(context);
  return { name: `${name}_pending`, attributes: attributes.replace('SameSite=Strict', 'SameSite=Lax') };
}

export function pendingCookie(context: Context, pending: PendingSignIn): string {
  const { name, attributes } = pendingRule(context);
  return `${name}=${Buffer.from(JSON.stringify(pending)).toString('base64url')}; ${attributes}; Max-Age=${pendingSeconds}`;
}

export function clearPending(context: Context): string {
  const { name, attributes } = pendingRule(context);
  return `${name}=; ${attributes}; Max-Age=0`;
}

/** Null when there is none, or what is there was not put there by us. */
export function pendingIn(context: Context, header: string | undefined): PendingSignIn | null {
  const value = valueIn(pendingRule(context).name, header);
  try {
    const pending = JSON.parse(Buffer.from(value, 'base64url').toString()) as Partial<Record<string, unknown>>;
    const good = ['state', 'nonce', 'verifier', 'next'].every((key) => typeof pending[key] === 'string');
    return good ? (pending as unknown as PendingSignIn) : null;
  } catch {
    return null;
  }
}
