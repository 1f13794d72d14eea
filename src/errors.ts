// SPDX-License-Identifier: Apache-2.0

/** What one error code means to a user, a work queue, a shell and an HTTP client. */
export interface ErrorRow {
  /** Constant text; values go into `details`. */
  readonly message: string;
  /** True: the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  readonly exitCode: number;
  readonly httpStatus: number;
}

/** Lists every error code of Homeostat; sorted, one line each. */
export const ERRORS = {
  // biome-ignore format: one row, one line
  HOMEO_CONFIG_INVALID: { message: 'the configuration is not valid', retryable: false, exitCode: 2, httpStatus: 500 },
  // biome-ignore format: one row, one line
  HOMEO_KUBE_ALREADY_STARTED: { message: 'already started', retryable: false, exitCode: 70, httpStatus: 500 },
  // biome-ignore format: one row, one line
  HOMEO_KUBE_BAD_NAME: { message: 'not a name of a Kubernetes object', retryable: false, exitCode: 65, httpStatus: 400 },
  // biome-ignore format: one row, one line
  HOMEO_KUBE_CONFIG: { message: 'no usable configuration of a Kubernetes API server', retryable: false, exitCode: 78, httpStatus: 500 },
  // biome-ignore format: one row, one line
  HOMEO_KUBE_DEADLINE: { message: 'reconcile did not end within its deadline', retryable: true, exitCode: 75, httpStatus: 504 },
  // biome-ignore format: one row, one line
  HOMEO_KUBE_FENCED: { message: 'the lease was not renewed recently enough to write', retryable: true, exitCode: 75, httpStatus: 503 },
  // biome-ignore format: one row, one line
  HOMEO_KUBE_LEASE_TIMES: { message: 'lease times do not fit together', retryable: false, exitCode: 78, httpStatus: 500 },
  // biome-ignore format: one row, one line
  HOMEO_KUBE_STOPPED: { message: 'stopped before it was done', retryable: false, exitCode: 75, httpStatus: 503 },
  // biome-ignore format: one row, one line
  HOMEO_KUBE_SYNC_TIMEOUT: { message: 'the first list did not arrive in time', retryable: true, exitCode: 75, httpStatus: 504 },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** Names one row of the error table. */
export type ErrorCode = keyof typeof ERRORS;

/** Carries a code of the table; the message is the table's, the values are in `details`. */
export class HomeostatError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(ERRORS[code].message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'HomeostatError';
    this.code = code;
    this.details = options.details ?? {};
  }

  /** The row of the table for this code. */
  get row(): ErrorRow {
    return ERRORS[this.code];
  }
}

/**
 * Tells a controller not to try again until the object changes. Every other error goes back to the
 * work queue with backoff.
 */
export class TerminalError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'TerminalError';
  }
}
