// SPDX-License-Identifier: Apache-2.0
/**
 * Shapes that compete with a straight line: a saturating curve, one or two jumps, a line with one
 * bend. All are fitted by exhaustive search over their one nonlinear parameter.
 */
import { fitLeastSquares } from './least-squares.ts';

/** y = start + rise * (1 - exp(-x / tau)). */
export interface SaturatingFit {
  readonly start: number;
  readonly rise: number;
  /** Standard error of {@link rise} for independent noise at this tau. */
  readonly riseError: number;
  readonly tau: number;
  readonly rss: number;
}

/**
 * Fits a saturating curve with the best of the given time constants; x starts near 0. `null` when
 * no fit exists.
 */
export const fitSaturating = (
  x: Float64Array,
  y: Float64Array,
  taus: readonly number[],
): SaturatingFit | null => {
  const ones = new Float64Array(y.length).fill(1);
  let best: SaturatingFit | null = null;
  for (const tau of taus) {
    const curve = x.map((value) => -Math.expm1(-value / tau));
    const fit = fitLeastSquares([ones, curve], y);
    if (fit === null || (best !== null && fit.rss >= best.rss)) continue;
    const [start, rise] = fit.coefficients;
    best = { start: start!, rise: rise!, riseError: fit.standardErrors[1]!, tau, rss: fit.rss };
  }
  return best;
};

/** A piecewise constant model: jumps before the elements `at`, in rising order. */
export interface ShiftFit {
  readonly at: readonly number[];
  readonly rss: number;
}

/**
 * Fits one jump (needs 2 * `least` elements) and two jumps (3 * `least`), each side at least `least`
 * elements long. `null` for a model that does not fit in. O(n^2) time, O(n) memory.
 *
 * Source: Bai and Perron, "Computation and analysis of multiple structural change models" (2003), 3.
 */
export const fitShifts = (
  y: Float64Array,
  least = 3,
): { readonly one: ShiftFit | null; readonly two: ShiftFit | null } => {
  const n = y.length;
  let mean = 0;
  for (const value of y) mean += value / n;
  const sums = new Float64Array(n + 1);
  let squares = 0;
  for (let i = 0; i < n; i += 1) {
    const value = y[i]! - mean;
    sums[i + 1] = sums[i]! + value;
    squares += value * value;
  }
  /** What a constant over [from, to) explains of the sum of squares. */
  const explained = (from: number, to: number): number =>
    (sums[to]! - sums[from]!) ** 2 / (to - from);
  let one: ShiftFit | null = null;
  let two: ShiftFit | null = null;
  for (let i = least; i <= n - least; i += 1) {
    const left = explained(0, i);
    const rss = Math.max(0, squares - left - explained(i, n));
    if (one === null || rss < one.rss) one = { at: [i], rss };
    for (let j = i + least; j <= n - least; j += 1) {
      const rss2 = Math.max(0, squares - left - explained(i, j) - explained(j, n));
      if (two === null || rss2 < two.rss) two = { at: [i, j], rss: rss2 };
    }
  }
  return { one, two };
};

/** A continuous line with one bend at the x of element `at`. */
export interface BentLineFit {
  readonly at: number;
  /** Slope before the bend. */
  readonly before: number;
  /** Slope after the bend. */
  readonly after: number;
  readonly rss: number;
}

/**
 * Fits a continuous line with one bend, at least `least` elements on each side; `null` when the
 * series is shorter than that. O(n^2) time.
 *
 * Source: Hudson, "Fitting segmented curves whose join points have to be estimated" (1966), with the
 * join restricted to the elements.
 */
export const fitBentLine = (x: Float64Array, y: Float64Array, least = 6): BentLineFit | null => {
  const ones = new Float64Array(y.length).fill(1);
  const bend = new Float64Array(y.length);
  let best: BentLineFit | null = null;
  for (let at = least; at < y.length - least; at += 1) {
    const knot = x[at]!;
    for (let i = 0; i < bend.length; i += 1) bend[i] = Math.max(0, x[i]! - knot);
    const fit = fitLeastSquares([ones, x, bend], y);
    if (fit === null || (best !== null && fit.rss >= best.rss)) continue;
    const before = fit.coefficients[1]!;
    best = { at, before, after: before + fit.coefficients[2]!, rss: fit.rss };
  }
  return best;
};

/**
 * Returns the Bayesian information criterion of a model with normal noise, up to a constant; smaller
 * is better.
 * @param n independent observations, which may be fewer than the elements, see `effectiveSampleSize`
 *
 * Source: Schwarz, "Estimating the dimension of a model" (1978).
 */
export const bayesianInformation = (rss: number, n: number, parameters: number): number =>
  n * Math.log(Math.max(rss, 1e-300)) + parameters * Math.log(Math.max(n, 2));
