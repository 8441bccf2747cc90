// Errors as ArcGIS sends them: HTTP 200 with {"error":{"code","message","details"}}.
import { SortieError, type ErrorCode } from '@sortie/common/errors';

export interface ArcgisError {
  error: { code: number; message: string; details: string[] };
}

/** An error with a code of ArcGIS's own: 498 and 499 make clients sign in again, nothing else does. */
export class RestError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly details: string[] = [],
    /** For the header Retry-After (RFC 9110 section 10.2.3); undefined when waiting does not help. */
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

export const tokenRequired = (): RestError => new RestError(499, 'Token Required');
export const invalidToken = (): RestError => new RestError(498, 'Invalid token.');

const codes: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  FILE_TYPE_REFUSED: 400,
  JOB_ENDED: 400,
  ALREADY_EXISTS: 409,
  NOT_FOUND: 404,
  PERMISSION_DENIED: 403,
  UPLOAD_TOO_LARGE: 413,
  LIMIT_REACHED: 429,
  DISK_FULL: 507,
  STORAGE_FAILED: 503,
  UNAVAILABLE: 503,
};

/** Anything thrown, as an error of the wire. */
export function toRestError(thrown: unknown): RestError {
  if (thrown instanceof RestError) return thrown;
  if (thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number') {
    // Fastify's own: what it says of a request is for the caller.
    if (thrown.statusCode < 500) return new RestError(thrown.statusCode, thrown.message);
  }
  const error = SortieError.from(thrown);
  return new RestError(
    codes[error.code] ?? 500,
    error.message,
    error.violations.map(({ field, description }) => `${field}: ${description}`),
    error.code === 'LIMIT_REACHED' ? (error.retryAfterSeconds ?? undefined) : undefined,
  );
}

export const errorDocument = ({ code, message, details }: RestError): ArcgisError => ({
  error: { code, message, details: [...details] },
});
