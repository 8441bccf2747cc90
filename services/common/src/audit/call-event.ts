// An event of a gRPC call that came from outside. What the gateway asks for is noted there, where the client's address is known.
import { Result, type Action } from '../gen/sortie/audit/v1/audit.js';
import { callerName } from '../identity/caller.js';
import type { Identity, Incoming } from '../identity/identity.js';
import type { Noted } from './audit.js';

export interface OutsideCall extends Incoming {
  getPeer(): string;
}

/** Of a peer as gRPC tells it, without the port, which is another one each time. */
export const addressOf = (peer: string): string => peer.replace(/:\d+$/, '');

/** Null for a call of a program of Sortie. `owner`: for whom an operator acts. */
export function callEvent(
  identity: Pick<Identity, 'callerOf'>,
  call: OutsideCall,
  action: Action,
  resource: string,
  owner = '',
  detail = '',
): Noted | null {
  const caller = identity.callerOf(call);
  if (caller?.kind !== 'client' && caller?.kind !== 'operator') return null;
  const user = caller.kind === 'client' ? caller.user : owner;
  const address = addressOf(call.getPeer());
  return { action, result: Result.RESULT_DONE, user, address, caller: callerName(caller), resource, detail };
}
