// The closed list of what can go wrong. Each code says which gRPC status carries it and whether a retry may help.
import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { Any } from './gen/google/protobuf/any.js';
import { BadRequest, ErrorInfo, RetryInfo } from './gen/google/rpc/error_details.js';
import { Status } from './gen/google/rpc/status.js';

interface ErrorKind {
  status: status;
  retry: boolean;
  /** Whether circumstances are to blame and not the work: it costs a job none of its attempts. */
  circumstance?: true;
}

export const errorCodes = {
  // Requests.
  INVALID_ARGUMENT: { status: status.INVALID_ARGUMENT, retry: false },
  NOT_FOUND: { status: status.NOT_FOUND, retry: false },
  ALREADY_EXISTS: { status: status.ALREADY_EXISTS, retry: false },
  UNAUTHENTICATED: { status: status.UNAUTHENTICATED, retry: false },
  PERMISSION_DENIED: { status: status.PERMISSION_DENIED, retry: false },
  JOB_ENDED: { status: status.FAILED_PRECONDITION, retry: false },
  JOB_NOT_QUEUED: { status: status.FAILED_PRECONDITION, retry: false },
  LEASE_LOST: { status: status.ABORTED, retry: false },
  UPLOAD_TOO_LARGE: { status: status.RESOURCE_EXHAUSTED, retry: false },
  /** One user has as much as one may have of something; there is room again later. */
  LIMIT_REACHED: { status: status.RESOURCE_EXHAUSTED, retry: true },
  FILE_TYPE_REFUSED: { status: status.INVALID_ARGUMENT, retry: false },
  // Input of a job: the same file fails again.
  FILE_MISSING: { status: status.FAILED_PRECONDITION, retry: false },
  NOT_A_VIDEO: { status: status.FAILED_PRECONDITION, retry: false },
  FORBIDDEN_FORMAT: { status: status.FAILED_PRECONDITION, retry: false },
  SIDECAR_INVALID: { status: status.FAILED_PRECONDITION, retry: false },
  NO_VIDEO_STREAM: { status: status.FAILED_PRECONDITION, retry: false },
  UNSUPPORTED_CODEC: { status: status.FAILED_PRECONDITION, retry: false },
  ENCRYPTED_VIDEO: { status: status.FAILED_PRECONDITION, retry: false },
  DAMAGED_VIDEO: { status: status.FAILED_PRECONDITION, retry: false },
  LIMIT_EXCEEDED: { status: status.FAILED_PRECONDITION, retry: false },
  PROBE_LIMIT: { status: status.FAILED_PRECONDITION, retry: false },
  // Circumstances of a job: another try may go through.
  ENGINE_CRASHED: { status: status.INTERNAL, retry: true },
  GPU_FAILED: { status: status.INTERNAL, retry: true },
  /** With less beside it, or on another worker, the same work may go through. */
  OUT_OF_MEMORY: { status: status.RESOURCE_EXHAUSTED, retry: true },
  ENGINE_STALLED: { status: status.INTERNAL, retry: true },
  OUTPUT_FAULTY: { status: status.INTERNAL, retry: true },
  DISK_FULL: { status: status.RESOURCE_EXHAUSTED, retry: true, circumstance: true },
  STORAGE_FAILED: { status: status.UNAVAILABLE, retry: true, circumstance: true },
  WORKER_LOST: { status: status.UNAVAILABLE, retry: true, circumstance: true },
  CANCELLED: { status: status.CANCELLED, retry: false },
  UNAVAILABLE: { status: status.UNAVAILABLE, retry: true, circumstance: true },
  INTERNAL: { status: status.INTERNAL, retry: true },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCodes;

const kinds: Readonly<Record<string, ErrorKind | undefined>> = errorCodes;

/** Whether an error of this code is nobody's fault; one that is not known counts as a fault of the work. */
export const isCircumstance = (code: string): boolean => kinds[code]?.circumstance === true;

export interface FieldViolation {
  field: string;
  description: string;
}

const domain = 'sortie';
const detailsKey = 'grpc-status-details-bin';
const isCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);

/** An error of the closed list. The message is for the caller: what was wrong, where, and what to do. */
export class SortieError extends Error {
  readonly violations: readonly FieldViolation[];
  /** When another try may go through; null when that is not known. */
  readonly retryAfterSeconds: number | null;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { cause?: unknown; violations?: readonly FieldViolation[]; retryAfterSeconds?: number | null } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'SortieError';
    this.violations = options.violations ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }

  get retryable(): boolean {
    return errorCodes[this.code].retry;
  }

  /** A wrong field of a request. */
  static field(field: string, description: string): SortieError {
    return new SortieError('INVALID_ARGUMENT', `${field}: ${description}`, { violations: [{ field, description }] });
  }

  /**
   * Anything that was thrown, as an error of the list: errors of ours as they are, those that came over gRPC by their
   * ErrorInfo, everything else as INTERNAL (the cause is kept for the log and its text stays inside).
   */
  static from(thrown: unknown): SortieError {
    if (thrown instanceof SortieError) return thrown;
    if (isServiceError(thrown)) return fromGrpc(thrown);
    const file = fromFileSystem(thrown);
    if (file) return file;
    return new SortieError('INTERNAL', 'Something went wrong inside Sortie; the log of the service has the details.', {
      cause: thrown,
    });
  }
}

const full: readonly string[] = ['ENOSPC', 'EDQUOT'];
/** A file system that is read-only, broken, gone, or not ours: errno(3), as NFS tells them, too. */
const failing: readonly string[] = ['EROFS', 'EIO', 'ESTALE', 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ENOTCONN', 'EBUSY', 'ETIMEDOUT', 'EHOSTDOWN', 'EMFILE', 'ENFILE']; // prettier-ignore

/** System calls whose errors are about something else. */
const otherCalls = ['connect', 'bind', 'listen', 'accept', 'getaddrinfo', 'spawn', 'kill'];

/** What a file system refuses, wherever it comes up: its paths are ours and stay inside. Null for all else. */
export function fromFileSystem(thrown: unknown): SortieError | null {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return null;
  if (!('syscall' in thrown) || otherCalls.includes(String(thrown.syscall).split(' ')[0] ?? '')) return null;
  if (full.includes(thrown.code))
    return new SortieError('DISK_FULL', 'The disk is full; it goes on once there is room.', { cause: thrown });
  // RLIMIT_FSIZE of a confined process (setrlimit(2)).
  if (thrown.code === 'EFBIG')
    return new SortieError('LIMIT_EXCEEDED', 'A file would become larger than is expected of a video like this.', {
      cause: thrown,
    });
  if (failing.includes(thrown.code))
    return new SortieError('STORAGE_FAILED', `The storage failed (${thrown.code}); the operator has to look at it.`, {
      cause: thrown,
    });
  return null;
}

const isServiceError = (thrown: unknown): thrown is ServiceError =>
  thrown instanceof Error &&
  'metadata' in thrown &&
  thrown.metadata instanceof Metadata &&
  'code' in thrown &&
  typeof thrown.code === 'number';

const any = (type: string, value: Uint8Array): Any => ({
  typeUrl: `type.googleapis.com/${type}`,
  value: Buffer.from(value),
});

/** For a server: the status with google.rpc details in its trailers. */
export function toGrpc(thrown: unknown): Partial<StatusObject> {
  const error = SortieError.from(thrown);
  const kind = errorCodes[error.code];
  const details = [
    any('google.rpc.ErrorInfo', ErrorInfo.encode({ reason: error.code, domain, metadata: {} }).finish()),
  ];
  if (error.violations.length > 0) {
    const fieldViolations = error.violations.map((violation) => ({ ...violation }));
    details.push(any('google.rpc.BadRequest', BadRequest.encode({ fieldViolations }).finish()));
  }
  if (kind.retry) {
    const retryDelay = { seconds: error.retryAfterSeconds ?? 1, nanos: 0 };
    details.push(any('google.rpc.RetryInfo', RetryInfo.encode({ retryDelay }).finish()));
  }
  const metadata = new Metadata();
  const rpcStatus = Status.encode({ code: kind.status, message: error.message, details }).finish();
  metadata.set(detailsKey, Buffer.from(rpcStatus));
  return { code: kind.status, details: error.message, metadata };
}

function fromGrpc(error: ServiceError): SortieError {
  const [raw] = error.metadata.get(detailsKey);
  if (raw instanceof Buffer) {
    let code: ErrorCode | undefined;
    let violations: FieldViolation[] = [];
    let retryAfterSeconds: number | null = null;
    for (const { typeUrl, value } of Status.decode(raw).details) {
      if (typeUrl.endsWith('/google.rpc.ErrorInfo')) {
        const info = ErrorInfo.decode(value);
        if (info.domain === domain && isCode(info.reason)) code = info.reason;
      } else if (typeUrl.endsWith('/google.rpc.BadRequest')) {
        violations = BadRequest.decode(value).fieldViolations;
      } else if (typeUrl.endsWith('/google.rpc.RetryInfo')) {
        retryAfterSeconds = RetryInfo.decode(value).retryDelay?.seconds ?? null;
      }
    }
    if (code) return new SortieError(code, error.details, { cause: error, violations, retryAfterSeconds });
  }
  if (error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED) {
    return new SortieError('UNAVAILABLE', 'A service behind this one does not answer; try again in a moment.', {
      cause: error,
    });
  }
  // In the middle of a rollout, a call that the version before does not know.
  if (error.code === status.UNIMPLEMENTED) {
    return new SortieError('UNAVAILABLE', 'A service behind this one is of an older version; try again in a moment.', {
      cause: error,
    });
  }
  if (error.code === status.CANCELLED) return new SortieError('CANCELLED', 'The call was cancelled.', { cause: error });
  return new SortieError('INTERNAL', error.details, { cause: error });
}
