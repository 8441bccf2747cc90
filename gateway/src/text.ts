// What text of callers may hold.
import { isUnfit } from '@sortie/common/text';
import { RestError } from './arcgis/errors.js';

/** Throws 400 that names the parameter. */
export function checkText(name: string, text: string): void {
  if (isUnfit(name)) throw new RestError(400, 'The name of a parameter holds control characters or broken Unicode.');
  if (isUnfit(text)) {
    throw new RestError(400, `The parameter '${name}' holds control characters or broken Unicode.`, [
      `${name}: must be text without control characters and broken Unicode`,
    ]);
  }
}

/** The same for every text inside a JSON value; `name` is the way to it, as `service.description`. */
export function checkTexts(name: string, value: unknown): void {
  if (typeof value === 'string') checkText(name, value);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      checkText(name, key);
      checkTexts(Array.isArray(value) ? name : `${name}.${key}`, inner);
    }
  }
}
