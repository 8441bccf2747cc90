// What a request asks for, wherever ArcGIS clients put it: the query, or a form in the body. Text only.
import type { FastifyRequest } from 'fastify';
import { RestError } from './arcgis/errors.js';
import { checkTexts } from './text.js';

export type Parameters = ReadonlyMap<string, string>;

function* entriesOf(from: unknown): Generator<[string, unknown]> {
  if (from instanceof Map) yield* from as Map<string, unknown>;
  else if (typeof from === 'object' && from !== null) yield* Object.entries(from);
}

type Asked = Pick<FastifyRequest, 'query' | 'body'>;
/** Put together once a request; a form that is read later is another body. */
const known = new WeakMap<Asked, { body: unknown; parameters: Parameters }>();

/** Query and form together; the form wins. */
export function parametersOf(request: Asked): Parameters {
  const { query, body } = request;
  const before = known.get(request);
  if (before?.body === body && before !== undefined) return before.parameters;
  const parameters = new Map<string, string>();
  for (const from of [query, body]) {
    for (const [name, value] of entriesOf(from)) {
      // A repeated parameter counts by its first value.
      const first: unknown = Array.isArray(value) ? value[0] : value;
      if (typeof first === 'string') parameters.set(name, first);
    }
  }
  known.set(request, { body, parameters });
  return parameters;
}

export const parameter = (parameters: Parameters, name: string): string => parameters.get(name) ?? '';

/** Throws 400 when it is missing or empty. */
export function requiredParameter(parameters: Parameters, name: string): string {
  const value = parameter(parameters, name).trim();
  if (value === '') throw new RestError(400, `The parameter '${name}' is missing.`, [`${name}: is required`]);
  return value;
}

export const flag = (parameters: Parameters, name: string): boolean =>
  parameter(parameters, name).toLowerCase() === 'true';

/** A parameter that holds a JSON object. */
export function jsonParameter(parameters: Parameters, name: string): Record<string, unknown> {
  const text = requiredParameter(parameters, name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RestError(400, `The parameter '${name}' is not JSON.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RestError(400, `The parameter '${name}' must be a JSON object.`);
  }
  checkTexts(name, value);
  return value as Record<string, unknown>;
}

export type Format = 'html' | 'json' | 'pjson';

/** Html unless said otherwise; null for a word that is none. */
export function formatOf(parameters: Parameters): Format | null {
  const word = parameter(parameters, 'f').toLowerCase();
  if (word === '') return 'html';
  return word === 'html' || word === 'json' || word === 'pjson' ? word : null;
}
