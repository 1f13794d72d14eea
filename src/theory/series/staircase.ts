// SPDX-License-Identifier: Apache-2.0
import { median, robustDeviation } from './quantile.ts';

/** Upward jumps at regular distances with level ground between. */
export interface Staircase {
  /** Number of jumps, at least 3. */
  readonly jumps: number;
  /** Mean rise per unit of x over whole stairs. */
  readonly slope: number;
  /** Standard error of {@link slope} from the scatter of heights and distances. */
  readonly slopeError: number;
  /** Median distance of two jumps in the unit of x. */
  readonly period: number;
  /** x of the last jump. */
  readonly lastJump: number;
}

/** Scatter of values relative to their mean. */
const coefficientOfVariation = (values: readonly number[]): number => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(square / Math.max(1, values.length - 1)) / mean;
};

/** Jumps over `lag` elements beyond `threshold`, each at its steepest element. */
const findJumps = (y: Float64Array, lag: number, threshold: number): number[] => {
  const jumps: number[] = [];
  for (let i = 0; i + lag < y.length; i += 1) {
    const size = Math.abs(y[i + lag]! - y[i]!);
    if (size <= threshold) continue;
    let best = i;
    for (let j = i; j + lag < y.length && j < i + lag + 1; j += 1) {
      if (Math.abs(y[j + lag]! - y[j]!) > Math.abs(y[best + lag]! - y[best]!)) best = j;
    }
    jumps.push(best);
    i = best + lag;
  }
  return jumps;
};

/**
 * Recognises a staircase: at least three jumps up beyond `least` and five times the scatter, none
 * down, distances that vary by less than 45 %, heights by less than 60 %, and jumps that account for
 * more than 70 % of the growth, with level ground between. `null` for anything else.
 */
export const findStaircase = (
  x: Float64Array,
  y: Float64Array,
  least: number,
): Staircase | null => {
  const n = y.length;
  const lag = 2;
  if (n < 12) return null;
  const steps = Float64Array.from({ length: n - lag }, (_, i) => y[i + lag]! - y[i]!);
  const jumps = findJumps(y, lag, Math.max(least, 5 * robustDeviation(steps)));
  if (jumps.length < 3) return null;
  const heights = jumps.map((i) => y[i + lag]! - y[i]!);
  if (heights.some((height) => height < 0)) return null;
  // Between the jumps the ground is level: a steep line is no staircase.
  if (Math.abs(median(steps)) > 0.2 * median(Float64Array.from(heights))) return null;
  const gaps = jumps.slice(1).map((i, k) => x[i]! - x[jumps[k]!]!);
  const spreadOfGaps = coefficientOfVariation(gaps);
  const spreadOfHeights = coefficientOfVariation(heights);
  const total = median(y.slice(n - 3)) - median(y.slice(0, 3));
  const climbed = heights.reduce((sum, height) => sum + height, 0);
  if (spreadOfGaps > 0.45 || spreadOfHeights > 0.6 || !(climbed > 0.7 * total)) return null;
  const period = median(Float64Array.from(gaps));
  const meanGap = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const slope = climbed / heights.length / meanGap;
  const relative = Math.hypot(
    spreadOfHeights / Math.sqrt(heights.length),
    spreadOfGaps / Math.sqrt(gaps.length),
    // A jump is known to one element only.
    (x[1]! - x[0]!) / (gaps.length * meanGap),
  );
  const lastJump = x[jumps[jumps.length - 1]! + 1]!;
  return { jumps: jumps.length, slope, slopeError: slope * relative, period, lastJump };
};
