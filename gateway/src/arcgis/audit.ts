// The audit log as the gateway tells it.
import { Action, actionFromJSON, Result, type AuditEvent } from '@sortie/common/gen/sortie/audit/v1/audit';
import { parameter, type Parameters } from '../parameters.js';
import { RestError } from './errors.js';

/** ACTION_SIGN_IN is "sign-in". */
const wordOf = (name: string | undefined): string => (name ?? '').replace(/^[A-Z]+_/, '').toLowerCase().replaceAll('_', '-'); // prettier-ignore

export const actionWords: readonly string[] = Object.values(Action)
  .filter(
    (value): value is Action =>
      typeof value === 'number' && value !== Action.ACTION_UNSPECIFIED && value !== Action.UNRECOGNIZED,
  )
  .map((action) => wordOf(Action[action]));

export interface AuditDocument {
  eventId: string;
  /** Epoch milliseconds, as ArcGIS tells times. */
  time: number | null;
  user: string;
  address: string;
  caller: string;
  action: string;
  resource: string;
  result: string;
  detail: string;
  recordedBy: string;
}

export const auditDocument = ({ time, action, result, ...event }: AuditEvent): AuditDocument => ({
  ...event,
  time: time?.getTime() ?? null,
  action: wordOf(Action[action]),
  result: wordOf(Result[result]),
});

/** Throws 400 for a word that is none. */
export function askedAction(parameters: Parameters): Action {
  const word = parameter(parameters, 'action');
  if (word === '') return Action.ACTION_UNSPECIFIED;
  if (!actionWords.includes(word)) throw new RestError(400, `'action' must be one of ${actionWords.join(', ')}.`);
  return actionFromJSON(`ACTION_${word.toUpperCase().replaceAll('-', '_')}`);
}

/** A time in milliseconds, or as ISO 8601 writes it, in UTC unless it says otherwise; undefined for none. */
export function askedTime(parameters: Parameters, name: string): Date | undefined {
  const text = parameter(parameters, name).trim();
  if (text === '') return undefined;
  const zoned = /T[\d:.]+$/.test(text) ? `${text}Z` : text;
  const time = new Date(/^\d{1,15}$/.test(text) ? Number(text) : zoned);
  if (Number.isNaN(time.getTime())) throw new RestError(400, `'${name}' must be a time, as 2026-11-27T06:00:00Z.`);
  return time;
}
