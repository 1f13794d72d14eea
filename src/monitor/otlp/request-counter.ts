// SPDX-License-Identifier: Apache-2.0

/** What is remembered of one series of a request counter; times in nanoseconds since the epoch. */
export interface CounterState {
  readonly startNano: bigint;
  readonly timeNano: bigint;
  readonly count: number;
  /** The sender said that it has no value any more. */
  readonly isClosed: boolean;
}

/** One point of the counter. */
export interface CounterPoint {
  /** 0: the sender does not know. */
  readonly startNano: bigint;
  readonly timeNano: bigint;
  readonly count: number;
}

/** What a point means. Without an increment it says nothing about requests, which is not zero. */
export interface CounterStep {
  readonly outcome: 'counted' | 'baseline' | 'late' | 'overlap';
  readonly increment: number;
  /** `null`: the state stays as it was. */
  readonly state: CounterState | null;
}

const counted = (point: CounterPoint, increment: number): CounterStep => ({
  outcome: 'counted',
  increment,
  state: { ...point, isClosed: false },
});

const baseline = (point: CounterPoint, outcome: 'baseline' | 'overlap'): CounterStep => ({
  outcome,
  increment: 0,
  state: { ...point, isClosed: false },
});

const IGNORED = { increment: 0, state: null } as const;

/**
 * Turns a point of a cumulative counter into an increment.
 *
 * A first point counts in full only when `isWhollyNew`: all that it counts is known to be recent. A
 * start after the last point, or a fall, is a reset and counts in full. Starts that overlap are two
 * writers under one name: they are never added up.
 * Source: OpenTelemetry data model, "Resets and gaps" and "Overlap".
 */
export const stepCumulative = (
  previous: CounterState | undefined,
  point: CounterPoint,
  isWhollyNew: boolean,
): CounterStep => {
  if (previous === undefined) {
    return isWhollyNew && point.startNano !== 0n && point.startNano < point.timeNano
      ? counted(point, point.count)
      : baseline(point, 'baseline');
  }
  if (point.timeNano <= previous.timeNano) return { outcome: 'late', ...IGNORED };
  if (point.startNano !== 0n && previous.startNano !== 0n) {
    if (point.startNano < previous.startNano) return { outcome: 'overlap', ...IGNORED };
    if (point.startNano >= previous.timeNano) return counted(point, point.count);
    if (point.startNano > previous.startNano) return baseline(point, 'overlap');
  }
  if (previous.isClosed) return baseline(point, 'baseline');
  return counted(point, point.count < previous.count ? point.count : point.count - previous.count);
};

/** Turns a point of a delta counter into an increment; a point that is not newer was counted before. */
export const stepDelta = (previous: CounterState | undefined, point: CounterPoint): CounterStep =>
  previous !== undefined && point.timeNano <= previous.timeNano
    ? { outcome: 'late', ...IGNORED }
    : counted(point, point.count);
