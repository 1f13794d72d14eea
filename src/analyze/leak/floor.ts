// SPDX-License-Identifier: Apache-2.0
/**
 * Steps 2 and 3a: from buckets to the floor. A leak is a rising floor, never a rising peak.
 */
import type { BucketSeries } from '../../knowledge/view.ts';
import { at, mean } from '../../theory/series/element.ts';
import { findFalls, removeSaw } from '../../theory/series/sawtooth.ts';
import type { Segment } from './segment.ts';

/** The floor of one life as points of equal weight; x counts buckets from the segment's start. */
export interface Floor {
  readonly x: Float64Array;
  /** Bytes, [points]. */
  readonly y: Float64Array;
  /** Requests per bucket at each point; `null`: not reported, or too little of it. */
  readonly requests: Requests | null;
  /** Bytes of the buckets' maxima above their floor, the mean of each point, [points]. */
  readonly peak: Float64Array;
  /** Buckets in a point. */
  readonly width: number;
  /** Buckets of the segment that hold samples, before any cut. */
  readonly filled: number;
}

/** Requests per bucket, [points] each. */
export interface Requests {
  readonly now: Float64Array;
  /** Mean over the bucket and the two before: memory that follows the load with a lag. */
  readonly lately: Float64Array;
}

/** More points cost time and tell nothing new: neighbours are correlated. */
const MOST_POINTS = 72;
/** A fall must exceed this share of the limit to be a garbage collection. */
const FALL_SHARE = 0.035;

/** One exbibyte. Telemetry is hostile input: what claims more is no figure, and would overflow sums. */
const MOST_BYTES = 2 ** 60;

/** The filled buckets of a segment, gaps left out. */
interface Rows {
  readonly x: Float64Array;
  readonly low: Float64Array;
  readonly p30: Float64Array;
  readonly median: Float64Array;
  readonly max: Float64Array;
  readonly index: Int32Array;
}

const filledRows = (buckets: BucketSeries, segment: Segment): Rows => {
  const kept: number[] = [];
  for (let i = segment.from; i < segment.to; i += 1) {
    if (at(buckets.count, i) > 0 && at(buckets.max, i) < MOST_BYTES) kept.push(i);
  }
  const index = Int32Array.from(kept);
  const pick = (values: Float64Array): Float64Array =>
    Float64Array.from(index, (i) => at(values, i));
  const offset = (buckets.startMs - segment.startMs) / buckets.stepMs + 0.5;
  return {
    x: Float64Array.from(index, (i) => i + offset),
    low: pick(buckets.min),
    p30: pick(buckets.p30),
    median: pick(buckets.median),
    max: pick(buckets.max),
    index,
  };
};

/** Floor of each row: the p30, or the troughs where a garbage collector draws a saw. */
const floorOfRows = (rows: Rows, limitBytes: number): Float64Array => {
  const falls = findFalls(rows.x, rows.median, FALL_SHARE * limitBytes);
  if (falls.length === 0) return rows.p30;
  const saw = removeSaw(rows.x, rows.median, falls);
  if (saw === null) return rows.p30;
  if (saw.period >= 2) return saw.floor;
  // Teeth shorter than two buckets: some bucket of any three holds a trough.
  return rows.low.map((value, i) =>
    Math.min(
      value,
      at(rows.low, Math.max(0, i - 1)),
      at(rows.low, Math.min(rows.low.length - 1, i + 1)),
    ),
  );
};

/** Mean requests of the `span` buckets up to each of the given ones; NaN where not reported. */
const requestsAt = (
  requests: { readonly count: Float64Array; readonly shift: number },
  index: Int32Array,
  span: number,
): Float64Array =>
  Float64Array.from(index, (i) => {
    let sum = 0;
    let known = 0;
    for (let j = i + requests.shift - span + 1; j <= i + requests.shift; j += 1) {
      const count = at(requests.count, j);
      if (!Number.isFinite(count)) continue;
      sum += count;
      known += 1;
    }
    return known > 0 ? sum / known : Number.NaN;
  });

/** Puts runs of `width` rows together by `reduce`. */
const group = (
  values: Float64Array,
  width: number,
  reduce: (run: Float64Array) => number,
): Float64Array =>
  Float64Array.from({ length: Math.floor(values.length / width) }, (_, k) => {
    // The oldest rows that fill no run are left out, not the newest.
    const from = (values.length % width) + k * width;
    return reduce(values.subarray(from, from + width));
  });

/** The requests at each point, or `null` when more than a tenth of them is unknown. */
const groupRequests = (values: Float64Array, width: number): Float64Array | null => {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length < 0.9 * values.length) return null;
  const filler = mean(known);
  return group(
    values.map((value) => (Number.isNaN(value) ? filler : value)),
    width,
    mean,
  );
};

/**
 * Measures the floor of a segment. `cutBuckets` after the life's start are left out as warm-up.
 * Bounded: at most {@link MOST_POINTS} points, whatever the window.
 */
export const measureFloor = (input: {
  readonly buckets: BucketSeries;
  readonly segment: Segment;
  readonly limitBytes: number;
  readonly requests: { readonly startMs: number; readonly count: Float64Array } | null;
  readonly cutBuckets: number;
}): Floor => {
  const { buckets, segment, limitBytes, requests, cutBuckets } = input;
  const rows = filledRows(buckets, segment);
  const floor = floorOfRows(rows, limitBytes);
  const born = (segment.bornMs - segment.startMs) / buckets.stepMs;
  const first = rows.x.findIndex((x) => x >= born + cutBuckets);
  const from = first < 0 ? rows.x.length : first;
  const width = Math.max(1, Math.ceil((rows.x.length - from) / MOST_POINTS));
  const index = rows.index.subarray(from);
  const load = (span: number): Float64Array | null => {
    if (requests === null) return null;
    const shift = Math.round((buckets.startMs - requests.startMs) / buckets.stepMs);
    return groupRequests(requestsAt({ count: requests.count, shift }, index, span), width);
  };
  const now = load(1);
  const lately = load(3);
  return {
    x: group(rows.x.subarray(from), width, mean),
    y: group(floor.subarray(from), width, mean),
    requests: now === null || lately === null ? null : { now, lately },
    peak: group(rows.max.map((max, i) => max - at(floor, i)).subarray(from), width, mean),
    width,
    filled: rows.x.length,
  };
};
