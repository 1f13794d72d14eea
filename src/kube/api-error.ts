// SPDX-License-Identifier: Apache-2.0

/** One entry of `status.details.causes`: which field, and why. */
export interface ApiErrorCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/**
 * Says whether the request reached the server: `no` it certainly did not, `yes` the server answered,
 * `unknown` bytes left and no whole answer came back.
 */
export type Sent = 'no' | 'yes' | 'unknown';

/** Reasons that this client gives itself; the API server's own reasons are passed through. */
export type LocalReason =
  | 'Aborted'
  | 'BadResponse'
  | 'ConnectionFailed'
  | 'ConnectionLost'
  | 'ConnectionRefused'
  | 'DeadlineExceeded'
  | 'Fenced'
  | 'LineTooLong'
  | 'MalformedLine'
  | 'ResponseTooLarge'
  | 'TruncatedLine';

/** What an `ApiError` is made of. */
export interface ApiErrorFields {
  /** HTTP status, or the `code` of an in-stream ERROR; 0: no answer of the server. */
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly sent: Sent;
  readonly causes?: readonly ApiErrorCause[];
  /** Milliseconds the server asks us to wait; `null`: it did not say. */
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** Reports one failed call to the API server, whatever failed: the only error that the transport throws. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly causes: readonly ApiErrorCause[];
  readonly retryAfterMs: number | null;
  readonly sent: Sent;

  constructor(fields: ApiErrorFields) {
    super(fields.message, fields.cause === undefined ? {} : { cause: fields.cause });
    this.name = 'ApiError';
    this.code = fields.code;
    this.reason = fields.reason;
    this.causes = fields.causes ?? [];
    this.retryAfterMs = fields.retryAfterMs ?? null;
    this.sent = fields.sent;
  }

  /**
   * Says what is known of a write: `refused` it certainly had no effect, `unknown` it may have had one
   * (no whole answer, or a 5xx: a timeout inside the server does not undo). The caller probes on `unknown`
   * and never resends blindly.
   */
  get outcome(): 'refused' | 'unknown' {
    return this.sent === 'unknown' || this.code >= 500 ? 'unknown' : 'refused';
  }
}

const hasCode = <C extends number>(
  error: unknown,
  code: C,
): error is ApiError & { readonly code: C } => error instanceof ApiError && error.code === code;

/** Says that the object, or the whole resource, is not there. */
export const isNotFound = (error: unknown): error is ApiError & { readonly code: 404 } =>
  hasCode(error, 404);

/** Says that the resourceVersion, the uid or a field manager did not match, or the name is taken. */
export const isConflict = (error: unknown): error is ApiError & { readonly code: 409 } =>
  hasCode(error, 409);

/** Says that an object of this name exists already; a kind of conflict. */
export const isAlreadyExists = (error: unknown): error is ApiError & { readonly code: 409 } =>
  hasCode(error, 409) && error.reason === 'AlreadyExists';

/** Says that the resourceVersion asked for is no longer kept. */
export const isExpired = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 410 || error.reason === 'Expired');

/** Says that the resourceVersion asked for is ahead of what the server has. */
export const isResourceVersionTooLarge = (error: unknown): boolean =>
  error instanceof ApiError &&
  error.causes.some((cause) => cause.reason === 'ResourceVersionTooLarge');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function causesOf(details: Record<string, unknown>): ApiErrorCause[] {
  const causes = details['causes'];
  if (!Array.isArray(causes)) return [];
  return causes.filter(isRecord).map((cause) => ({
    reason: text(cause['reason']),
    message: text(cause['message']),
    field: text(cause['field']),
  }));
}

/**
 * Reads a `Status` object, or whatever a proxy in between sent instead of one.
 *
 * @param status parsed body, or the object of an in-stream ERROR
 * @param httpCode used when the body carries no code
 * @param retryAfterMs of the response header; the body's `retryAfterSeconds` counts when it is null
 */
export function apiErrorFromStatus(
  status: unknown,
  httpCode: number,
  retryAfterMs: number | null = null,
): ApiError {
  const body = isRecord(status) ? status : {};
  const details = isRecord(body['details']) ? body['details'] : {};
  const code = typeof body['code'] === 'number' ? body['code'] : httpCode;
  const seconds = details['retryAfterSeconds'];
  const hinted = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null;
  return new ApiError({
    code,
    reason: text(body['reason']) || `Http${code}`,
    message: text(body['message']) || `the API server answered ${code}`,
    causes: causesOf(details),
    retryAfterMs: retryAfterMs ?? hinted,
    sent: 'yes',
  });
}
