// SPDX-License-Identifier: Apache-2.0
/**
 * Step 1: the stretch of one life. Never fit across a restart: the old life's memory is gone.
 */
import type { UnixMs } from '../../domain/clock.ts';
import type { BucketSeries } from '../../knowledge/view.ts';
import { at } from '../../theory/series/element.ts';
import { quantile } from '../../theory/series/quantile.ts';

/** The buckets of one life that lie in the window. */
export interface Segment {
  /** First bucket and one past the last; the last has ended by now. */
  readonly from: number;
  readonly to: number;
  /** Start of the data of this life: the container's start, or the first sample if that is later. */
  readonly startMs: UnixMs;
  /** Start of the life itself, which may lie before the data; warm-up counts from here. */
  readonly bornMs: UnixMs;
}

/** Buckets before and after a fall that must agree that it is one. */
const BEFORE = 12;
const AFTER = 6;

/** Smallest p30 of the filled buckets in [from, to); Infinity when all are empty. */
const lowest = (buckets: BucketSeries, from: number, to: number): number => {
  let low = Number.POSITIVE_INFINITY;
  for (let i = Math.max(0, from); i < to; i += 1) {
    if (at(buckets.count, i) > 0) low = Math.min(low, at(buckets.p30, i));
  }
  return low;
};

/** Largest p30 of the filled buckets in [from, to); -Infinity when all are empty. */
const highest = (buckets: BucketSeries, from: number, to: number): number => {
  let high = Number.NEGATIVE_INFINITY;
  for (let i = from; i < to; i += 1) {
    if (at(buckets.count, i) > 0) high = Math.max(high, at(buckets.p30, i));
  }
  return high;
};

/**
 * Finds the last fall that ends a life unseen by the API server (a process restarted inside its
 * container): by more than 60 % of the range, below the first level, and not made good within
 * {@link AFTER} buckets. The lowest value before counts, so the fall of a garbage collector is none.
 */
const lastCollapse = (buckets: BucketSeries, from: number, to: number): number | null => {
  const filled = Float64Array.from({ length: to - from }, (_, i) =>
    at(buckets.count, from + i) > 0 ? at(buckets.p30, from + i) : Number.NaN,
  ).filter((value) => !Number.isNaN(value));
  if (filled.length < BEFORE) return null;
  const range = quantile(filled, 0.95) - quantile(filled, 0.05);
  const first = lowest(buckets, from, from + 2);
  for (let i = to - 3; i > from + 2; i -= 1) {
    if (!(at(buckets.count, i) > 0)) continue;
    const before = lowest(buckets, Math.max(from, i - BEFORE), i);
    const after = highest(buckets, i, Math.min(to, i + AFTER));
    if (Number.isFinite(before) && before - after > 0.6 * range && after < first) return i;
  }
  return null;
};

/** Cuts the present life out of a window; `null` when it has no complete bucket with a sample yet. */
export const currentSegment = (
  buckets: BucketSeries,
  startedAtMs: UnixMs,
  nowMs: UnixMs,
): Segment | null => {
  const { stepMs, startMs } = buckets;
  const to = Math.min(buckets.length, Math.floor((nowMs - startMs) / stepMs));
  // The bucket in which the container started is mixed only if the life before is in it too.
  const started = Math.max(0, Math.floor((startedAtMs - startMs) / stepMs));
  const mixed = startedAtMs > startMs + started * stepMs && at(buckets.count, started - 1) > 0;
  let from = mixed ? started + 1 : started;
  while (from < to && !(at(buckets.count, from) > 0)) from += 1;
  if (from >= to) return null;
  const collapse = lastCollapse(buckets, from, to);
  if (collapse !== null) {
    const bornMs = startMs + collapse * stepMs;
    return { from: collapse, to, startMs: bornMs, bornMs };
  }
  return {
    from,
    to,
    startMs: Math.max(startedAtMs, startMs + from * stepMs),
    bornMs: startedAtMs,
  };
};
