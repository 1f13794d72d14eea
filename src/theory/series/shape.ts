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
  /** Coefficients of the extra columns. */
  readonly extra: readonly number[];
  /** y minus the fit, [rows]. */
  readonly residuals: Float64Array;
  readonly rss: number;
}

/**
 * Fits a saturating curve with the best of the given time constants, beside the extra columns; x
 * starts near 0. `null` when no fit exists.
 */
export const fitSaturating = (
  x: Float64Array,
  y: Float64Array,
  taus: readonly number[],
  extra: readonly Float64Array[] = [],
): SaturatingFit | null => {
  const ones = new Float64Array(y.length).fill(1);
  let best: SaturatingFit | null = null;
  for (const tau of taus) {
    const curve = x.map((value) => -Math.expm1(-value / tau));
    const fit = fitLeastSquares([ones, curve, ...extra], y);
    if (fit === null || (best !== null && fit.rss >= best.rss)) continue;
    const [start, rise, ...rest] = fit.coefficients;
    best = {
      start: start!,
      rise: rise!,
      riseError: fit.standardErrors[1]!,
      tau,
      extra: rest,
      residuals: fit.residuals,
      rss: fit.rss,
    };
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
  /** Coefficients of the extra columns. */
  readonly extra: readonly number[];
  /** y minus the fit, [rows]. */
  readonly residuals: Float64Array;
  readonly rss: number;
}

/** Takes off `values` what the orthonormal `basis` explains; in place. */
const project = (values: Float64Array, basis: readonly Float64Array[]): Float64Array => {
  for (const axis of basis) {
    let share = 0;
    for (let i = 0; i < values.length; i += 1) share += values[i]! * axis[i]!;
    for (let i = 0; i < values.length; i += 1) values[i] = values[i]! - share * axis[i]!;
  }
  return values;
};

const squareSum = (values: Float64Array): number => {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
};

/** Orthonormal basis of the columns (Gram-Schmidt); columns that add nothing are left out. */
const basisOf = (columns: readonly Float64Array[]): Float64Array[] => {
  const basis: Float64Array[] = [];
  for (const column of columns) {
    const rest = project(project(column.slice(), basis), basis);
    const size = squareSum(rest);
    if (size <= 1e-18 * squareSum(column)) continue;
    basis.push(rest.map((value) => value / Math.sqrt(size)));
  }
  return basis;
};

/**
 * Fits a continuous line with one bend beside the extra columns, at least `least` elements on each
 * side of the bend; `null` when the series is shorter than that. O(n^2) time, O(n) memory.
 *
 * Source: Hudson, "Fitting segmented curves whose join points have to be estimated" (1966), with the
 * join restricted to the elements; each candidate costs one projection (Frisch, Waugh and Lovell).
 */
export const fitBentLine = (
  x: Float64Array,
  y: Float64Array,
  least = 6,
  extra: readonly Float64Array[] = [],
): BentLineFit | null => {
  const columns = [new Float64Array(y.length).fill(1), x, ...extra];
  const basis = basisOf(columns);
  const rest = project(y.slice(), basis);
  const bend = new Float64Array(y.length);
  let best = -1;
  let gain = -1;
  for (let at = least; at < y.length - least; at += 1) {
    for (let i = 0; i < bend.length; i += 1) bend[i] = Math.max(0, x[i]! - x[at]!);
    const before = squareSum(bend);
    project(bend, basis);
    const size = squareSum(bend);
    if (size <= 1e-18 * before) continue;
    let moment = 0;
    for (let i = 0; i < bend.length; i += 1) moment += bend[i]! * rest[i]!;
    if (moment ** 2 / size <= gain) continue;
    gain = moment ** 2 / size;
    best = at;
  }
  if (best < 0) return null;
  const knot = x[best]!;
  const fit = fitLeastSquares([...columns, x.map((value) => Math.max(0, value - knot))], y);
  if (fit === null) return null;
  const before = fit.coefficients[1]!;
  return {
    at: best,
    before,
    after: before + fit.coefficients[columns.length]!,
    extra: Array.from(fit.coefficients.subarray(2, columns.length)),
    residuals: fit.residuals,
    rss: fit.rss,
  };
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
