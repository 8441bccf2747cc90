// The door of every gRPC server: nobody comes in unknown, and each caller reaches its own methods only.
import { ServerInterceptingCall, status, type ServerInterceptor } from '@grpc/grpc-js';
import { SortieError, toGrpc } from '../errors.js';
import type { Logger } from '../log.js';
import { mayCall } from './access.js';
import { callerName } from './caller.js';
import type { Identity } from './identity.js';

export const guard =
  (identity: Pick<Identity, 'callerOf'>, log: Logger): ServerInterceptor =>
  ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            const caller = identity.callerOf({ metadata, getAuthContext: () => call.getAuthContext() });
            if (caller && mayCall(path, caller)) {
              go(metadata);
              return;
            }
            const who = caller ? callerName(caller) : 'somebody unknown';
            log.warn({ path, caller: who, from: call.getPeer() }, 'a call was refused');
            const refusal = caller
              ? new SortieError('PERMISSION_DENIED', `${who} may not call ${path}.`)
              : new SortieError('UNAUTHENTICATED', 'The caller does not show who it is; see SORTIE_IDENTITY in the README.'); // prettier-ignore
            call.sendStatus({ code: status.UNKNOWN, details: refusal.message, ...toGrpc(refusal) });
          },
        }),
    });
