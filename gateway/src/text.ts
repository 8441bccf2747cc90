// What text of callers may hold.
import { RestError } from './arcgis/errors.js';

/** C0 but for tab and line ends, DEL, and C1 (Unicode, chapter 23.1): PostgreSQL takes no NUL, and no name needs the others. */
const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** Throws 400 that names the parameter. */
export function checkText(name: string, text: string): void {
  if (control.test(name)) throw new RestError(400, 'The name of a parameter holds a control character.');
  if (control.test(text)) {
    throw new RestError(400, `The parameter '${name}' holds a control character.`, [
      `${name}: must be text without control characters`,
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
