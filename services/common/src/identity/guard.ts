// The door of every gRPC server: nobody comes in unknown, and each caller reaches its own methods only.
import { ServerInterceptingCall, status, type ServerInterceptor } from '@grpc/grpc-js';
import { SortieError, toGrpc } from '../errors.js';
import type { Logger } from '../log.js';
import { mayCall } from './access.js';
import { Action, Result } from '../gen/sortie/audit/v1/audit.js';
import { addressOf } from '../audit/call-event.js';
import type { Audit } from '../audit/audit.js';
import { refusalsMs, Seldom } from '../audit/seldom.js';
import { callerName, type Caller } from './caller.js';
import type { Identity } from './identity.js';

const refusals: readonly (status | undefined)[] = [status.PERMISSION_DENIED, status.UNAUTHENTICATED];

export function guard(identity: Pick<Identity, 'callerOf'>, log: Logger, audit: Audit): ServerInterceptor {
  const seldom = new Seldom(refusalsMs);
  /** Refusals of the gateway's users are noted there, where their addresses are known. */
  const noteRefusal = (path: string, caller: Caller | null, peer: string, detail: string): void => {
    const name = caller ? callerName(caller) : '';
    const address = addressOf(peer);
    if (!seldom.first(address, name, path)) return;
    const user = caller?.kind === 'client' ? caller.user : '';
    audit.note({ action: Action.ACTION_REQUEST, result: Result.RESULT_REFUSED, user, address, caller: name, resource: path, detail }); // prettier-ignore
  };

  return ({ path }, call) => {
    let caller: Caller | null = null;
    return new ServerInterceptingCall(call, {
      sendStatus: (sent, next) => {
        if (refusals.includes(sent.code) && caller?.kind !== 'gateway')
          noteRefusal(path, caller, call.getPeer(), sent.details ?? '');
        next(sent);
      },
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            caller = identity.callerOf({ metadata, getAuthContext: () => call.getAuthContext() });
            if (caller && mayCall(path, caller)) {
              go(metadata);
              return;
            }
            const who = caller ? callerName(caller) : 'somebody unknown';
            log.warn({ path, caller: who, from: call.getPeer() }, 'a call was refused');
            const refusal = caller
              ? new SortieError('PERMISSION_DENIED', `${who} may not call ${path}.`)
              : new SortieError('UNAUTHENTICATED', 'The caller does not show who it is; see SORTIE_IDENTITY in the README.'); // prettier-ignore
            noteRefusal(path, caller, call.getPeer(), refusal.message);
            call.sendStatus({ code: status.UNKNOWN, details: refusal.message, ...toGrpc(refusal) });
          },
        }),
    });
  };
}
