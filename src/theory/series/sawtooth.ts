// SPDX-License-Identifier: Apache-2.0
/**
 * A sawtooth on a trend, as a garbage collector draws it: value = trend + rise * (time since the
 * last fall). Taking the saw off by regression keeps every value; a moving minimum would keep one
 * value a tooth.
 */
import { fitRobust } from './least-squares.ts';
import { median, quantile } from './quantile.ts';

/**
 * Finds sudden falls: element `i` is listed when the value falls by more than `least` from `i` to
 * `i + 1`, the next step does not fall on by a third of that (that would be a decay, not a fall), and
 * the fall is more than 15 % of the 5..95 % range of the values about their line.
 */
export const findFalls = (x: Float64Array, y: Float64Array, least: number): number[] => {
  const n = y.length;
  if (n < 6) return [];
  const line = fitRobust([new Float64Array(n).fill(1), x], y);
  if (line === null) return [];
  const range = quantile(line.residuals, 0.95) - quantile(line.residuals, 0.05);
  const threshold = Math.max(least, 0.15 * range);
  const falls: number[] = [];
  for (let i = 0; i + 1 < n; i += 1) {
    const fall = y[i]! - y[i + 1]!;
    if (!(fall > threshold)) continue;
    const goesOn = i + 2 < n && y[i + 1]! - y[i + 2]! > fall / 3;
    const went = i > 0 && y[i - 1]! - y[i]! > fall / 3;
    if (!goesOn && !went) falls.push(i);
  }
  return falls;
};

/** A saw that was taken off. */
export interface Saw {
  /** Median distance of two falls in the unit of x; for a single fall the distance to the nearer end. */
  readonly period: number;
  /** Rise per unit of x within a tooth, beyond the trend. */
  readonly rise: number;
  /** The values without the saw, [n]: its troughs lie on the trend. */
  readonly floor: Float64Array;
}

/**
 * Takes a sawtooth with the given falls off; `null` when there is no fall or the values do not rise
 * within the teeth.
 */
export const removeSaw = (
  x: Float64Array,
  y: Float64Array,
  falls: readonly number[],
): Saw | null => {
  const n = y.length;
  if (falls.length === 0 || n < 8) return null;
  /** A fall lies between two elements. */
  const times = falls.map((i) => (x[i]! + x[i + 1]!) / 2);
  const gaps = Float64Array.from(times.slice(1), (time, i) => time - times[i]!);
  const first = times[0]!;
  const period = gaps.length > 0 ? median(gaps) : Math.min(first - x[0]!, x[n - 1]! - first);
  const since = new Float64Array(n);
  let last = first - period;
  let next = 0;
  for (let i = 0; i < n; i += 1) {
    if (next < times.length && x[i]! > times[next]!) {
      last = times[next]!;
      next += 1;
    }
    since[i] = x[i]! - last;
  }
  const fit = fitRobust([new Float64Array(n).fill(1), x, x.map((t) => t * t), since], y);
  const rise = fit?.coefficients[3] ?? 0;
  if (!(rise > 0)) return null;
  return { period, rise, floor: y.map((value, i) => value - rise * since[i]!) };
};
