// SPDX-License-Identifier: Apache-2.0

/** Milliseconds since the Unix epoch, as the wall clock says; for records only, never for a duration. */
export type UnixMs = number;

/** Milliseconds of a clock that never jumps; for every duration, never for a record. */
export type MonoMs = number;

/**
 * Tells time and waits. Injected everywhere: live operation, simulation, backtest and tests run the
 * same code with another clock.
 */
export interface Clock {
  wallMs(): UnixMs;
  monoMs(): MonoMs;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
