// SPDX-License-Identifier: Apache-2.0
/**
 * The circuit breaker of a policy, recomputed from its records: nothing is kept in memory, so a
 * restart changes nothing.
 *
 * ```
 *            failures within window >= limit
 *   Closed ----------------------------------> Open
 *      ^                                       |  ^
 *      |  the one let through                  |  |  it failed
 *      |  succeeded                 openFor    v  |
 *      +---------------------------------- HalfOpen
 * ```
 *
 * A failure while Open (an action that was already on its way) starts `openFor` again. HalfOpen ends
 * by itself when the last failure is older than `openFor + window`.
 *
 * Source: M. Nygard, Release It!, 2nd ed., section 5.2.
 */
import type { UnixMs } from '../domain/clock.ts';
import type { ActionSummary } from '../domain/healing.ts';

/** Limits of a breaker. */
export interface BreakerLimits {
  readonly failures: number;
  readonly windowMs: number;
  readonly openForMs: number;
}

/** State of a breaker. */
export interface BreakerState {
  readonly state: 'Closed' | 'Open' | 'HalfOpen';
  /** Failures inside the window that ends now, since the breaker last closed. */
  readonly failures: number;
  /** When Open becomes HalfOpen; `null` unless Open. */
  readonly reopensAtMs: UnixMs | null;
  /** HalfOpen, and an open record is the one let through. */
  readonly probing: boolean;
}

type Outcome = { readonly atMs: UnixMs; readonly actedAtMs: UnixMs; readonly failed: boolean };

const FAILING: ReadonlySet<string> = new Set(['Failed', 'Inconclusive']);

/** Inconclusive counts as failure; Blocked and Simulated say nothing about whether acting helps. */
const outcomesOf = (records: readonly ActionSummary[]): readonly Outcome[] =>
  records
    .flatMap((record): Outcome[] => {
      const failed = FAILING.has(record.phase);
      if (record.finishedAtMs === null || !(failed || record.phase === 'Succeeded')) return [];
      const actedAtMs = record.actedAtMs ?? record.createdAtMs;
      return [{ atMs: record.finishedAtMs, actedAtMs, failed }];
    })
    .toSorted((a, b) => a.atMs - b.atMs || Number(b.failed) - Number(a.failed));

interface Replay {
  /** Failures since the breaker last closed, oldest first. */
  readonly failedAtMs: readonly UnixMs[];
  /** Last time it opened; `null`: closed. */
  readonly trippedAtMs: UnixMs | null;
}

const afterFailure = (replay: Replay, atMs: UnixMs, limits: BreakerLimits): Replay => {
  const failedAtMs = [...replay.failedAtMs.filter((at) => atMs - at < limits.windowMs), atMs];
  const trips = replay.trippedAtMs !== null || failedAtMs.length >= limits.failures;
  return { failedAtMs, trippedAtMs: trips ? atMs : null };
};

const forgotten = (replay: Replay, nowMs: UnixMs, limits: BreakerLimits): boolean =>
  replay.trippedAtMs !== null && nowMs - replay.trippedAtMs >= limits.openForMs + limits.windowMs;

const CLOSED: Replay = { failedAtMs: [], trippedAtMs: null };

const replayed = (outcomes: readonly Outcome[], limits: BreakerLimits, nowMs: UnixMs): Replay => {
  let replay = CLOSED;
  for (const outcome of outcomes) {
    if (forgotten(replay, outcome.atMs, limits)) replay = CLOSED;
    const halfOpenAtMs = replay.trippedAtMs === null ? null : replay.trippedAtMs + limits.openForMs;
    if (outcome.failed) replay = afterFailure(replay, outcome.atMs, limits);
    else if (halfOpenAtMs !== null && outcome.actedAtMs >= halfOpenAtMs) replay = CLOSED;
  }
  return forgotten(replay, nowMs, limits) ? CLOSED : replay;
};

/**
 * Computes the state of a breaker at `nowMs`.
 * @param records those of the policy that the plan is judged by, without the plan's own
 */
export const breakerState = (
  records: readonly ActionSummary[],
  limits: BreakerLimits,
  nowMs: UnixMs,
): BreakerState => {
  const replay = replayed(outcomesOf(records), limits, nowMs);
  const failures = replay.failedAtMs.filter((at) => nowMs - at < limits.windowMs).length;
  if (replay.trippedAtMs === null) {
    return { state: 'Closed', failures, reopensAtMs: null, probing: false };
  }
  const reopensAtMs = replay.trippedAtMs + limits.openForMs;
  if (nowMs < reopensAtMs) return { state: 'Open', failures, reopensAtMs, probing: false };
  const probing = records.some((record) => record.open);
  return { state: 'HalfOpen', failures, reopensAtMs: null, probing };
};
