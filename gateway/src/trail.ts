// What the gateway's users do, for the audit log: who, and from where.
import type { FastifyRequest } from 'fastify';
import type { Audit } from '@sortie/common/audit/audit';
import { layerResource } from '@sortie/common/audit/resource';
import { readsMs, refusalsMs, Seldom } from '@sortie/common/audit/seldom';
import { Action, Result } from '@sortie/common/gen/sortie/audit/v1/audit';
import { networkOf } from './sign-in/limits.js';

type From = Pick<FastifyRequest, 'ip' | 'url'>;

export class Trail {
  private readonly reads = new Seldom(readsMs);
  private readonly refusals = new Seldom(refusalsMs);

  constructor(private readonly audit: Audit) {}

  /** `user`: empty for a visitor. */
  done({ ip: address }: From, user: string, action: Action, resource: string, detail = ''): void {
    this.audit.note({ action, result: Result.RESULT_DONE, user, address, resource, detail });
  }

  /** A layer is read in thousands of requests: the first one of a user counts, or of a visitor's address. */
  read(request: From, user: string, serviceName: string, layerId: number): void {
    const resource = layerResource(serviceName, layerId);
    if (!this.reads.first(user, user === '' ? networkOf(request.ip) : '', resource)) return;
    this.done(request, user, Action.ACTION_READ, resource);
  }

  /** `user`: empty when there is none of that name, which may be a password in the wrong field. */
  signIn({ ip: address }: From, user: string, result: Result): void {
    const limited = result === Result.RESULT_LIMITED;
    if (limited && !this.refusals.first('sign-in', networkOf(address), user)) return;
    this.audit.note({ action: Action.ACTION_SIGN_IN, result, user, address });
  }

  /** A token that does not hold, or something that the user may not do. Strangers must not fill the log. */
  refused({ ip: address, url }: From, user: string, code: number, detail: string): void {
    const resource = url.split('?')[0] ?? '';
    if (!this.refusals.first(code, networkOf(address), user, user === '' ? '' : resource)) return;
    this.audit.note({ action: Action.ACTION_REQUEST, result: Result.RESULT_REFUSED, user, address, resource, detail: `${code} ${detail}` }); // prettier-ignore
  }
}
