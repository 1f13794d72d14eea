// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from './clock.ts';

/**
 * A fact that was read, with its source and the time of reading, or the explicit statement that it
 * could not be read. `undefined` never stands for "unknown": a guard that meets `unknown` refuses.
 */
export type Fact<T> = Known<T> | Unknown;

/** A fact that was read. */
export interface Known<T> {
  readonly kind: 'known';
  readonly value: T;
  readonly observedAtMs: UnixMs;
  /** Where it was read, for example `GET pods/web-1` or `metrics.k8s.io`. */
  readonly source: string;
}

/** A fact that could not be read. */
export interface Unknown {
  readonly kind: 'unknown';
  /** What is missing and why, as a person would say it. */
  readonly missing: string;
}

/** Builds a known fact. */
export const known = <T>(value: T, observedAtMs: UnixMs, source: string): Known<T> => ({
  kind: 'known',
  value,
  observedAtMs,
  source,
});

/** Builds an unknown fact; `missing` says what could not be read and why. */
export const unknown = (missing: string): Unknown => ({ kind: 'unknown', missing });
