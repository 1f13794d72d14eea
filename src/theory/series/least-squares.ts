// SPDX-License-Identifier: Apache-2.0
import { median, robustDeviation } from './quantile.ts';

/** A fitted linear model y = columns * coefficients. */
export interface LinearFit {
  /** One for each column, in the column's unit. */
  readonly coefficients: Float64Array;
  /** Standard errors for independent noise; correlated noise needs an inflation by the caller. */
  readonly standardErrors: Float64Array;
  /** y minus the fit, [rows]. */
  readonly residuals: Float64Array;
  /** Sum of squared residuals, weighted when weights were given. */
  readonly rss: number;
}

/** What {@link fitLeastSquares} may be told besides the data. */
export interface LeastSquaresOptions {
  /** Weights of the rows, not negative; default 1. */
  readonly weights?: Float64Array;
  /**
   * Ridge penalty relative to the size of each column after scaling to unit length; default 1e-10,
   * just enough that collinear columns give a huge standard error instead of none.
   */
  readonly ridge?: number;
}

/** Inverts a small symmetric positive definite matrix by Cholesky; `null` if it is none. */
const invert = (matrix: Float64Array, p: number): Float64Array | null => {
  const factor = new Float64Array(p * p);
  for (let i = 0; i < p; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = matrix[i * p + j]!;
      for (let k = 0; k < j; k += 1) sum -= factor[i * p + k]! * factor[j * p + k]!;
      if (i === j) {
        if (!(sum > 0)) return null;
        factor[i * p + i] = Math.sqrt(sum);
      } else factor[i * p + j] = sum / factor[j * p + j]!;
    }
  }
  const lower = new Float64Array(p * p);
  for (let column = 0; column < p; column += 1) {
    for (let i = column; i < p; i += 1) {
      let sum = i === column ? 1 : 0;
      for (let k = column; k < i; k += 1) sum -= factor[i * p + k]! * lower[k * p + column]!;
      lower[i * p + column] = sum / factor[i * p + i]!;
    }
  }
  const inverse = new Float64Array(p * p);
  for (let i = 0; i < p; i += 1) {
    for (let j = 0; j < p; j += 1) {
      let sum = 0;
      for (let k = Math.max(i, j); k < p; k += 1) sum += lower[k * p + i]! * lower[k * p + j]!;
      inverse[i * p + j] = sum;
    }
  }
  return inverse;
};

/**
 * Fits `y` to the columns by (weighted, slightly regularised) least squares. O(rows * columns^2).
 * @returns `null` when there are not more rows than columns or the columns are degenerate
 *
 * Source: Golub and Van Loan, "Matrix Computations", 5.3 (normal equations on scaled columns).
 */
export const fitLeastSquares = (
  columns: readonly Float64Array[],
  y: Float64Array,
  options: LeastSquaresOptions = {},
): LinearFit | null => {
  const n = y.length;
  const p = columns.length;
  if (n <= p) return null;
  const { weights, ridge = 1e-10 } = options;
  const scale = new Float64Array(p);
  for (let j = 0; j < p; j += 1) {
    let sum = 0;
    for (const value of columns[j]!) sum += value * value;
    if (!(sum > 0)) return null;
    scale[j] = Math.sqrt(sum);
  }
  const gram = new Float64Array(p * p);
  const moment = new Float64Array(p);
  for (let j = 0; j < p; j += 1) {
    const left = columns[j]!;
    for (let k = 0; k <= j; k += 1) {
      const right = columns[k]!;
      let sum = 0;
      for (let i = 0; i < n; i += 1) sum += (weights ? weights[i]! : 1) * left[i]! * right[i]!;
      gram[j * p + k] = sum / (scale[j]! * scale[k]!);
      gram[k * p + j] = gram[j * p + k]!;
    }
    let sum = 0;
    for (let i = 0; i < n; i += 1) sum += (weights ? weights[i]! : 1) * left[i]! * y[i]!;
    moment[j] = sum / scale[j]!;
    gram[j * p + j] = gram[j * p + j]! + ridge;
  }
  const inverse = invert(gram, p);
  if (inverse === null) return null;
  const coefficients = new Float64Array(p);
  for (let j = 0; j < p; j += 1) {
    let sum = 0;
    for (let k = 0; k < p; k += 1) sum += inverse[j * p + k]! * moment[k]!;
    coefficients[j] = sum / scale[j]!;
  }
  const residuals = y.slice();
  for (let j = 0; j < p; j += 1) {
    const column = columns[j]!;
    for (let i = 0; i < n; i += 1) residuals[i] = residuals[i]! - coefficients[j]! * column[i]!;
  }
  let rss = 0;
  for (let i = 0; i < n; i += 1) rss += (weights ? weights[i]! : 1) * residuals[i]! ** 2;
  const variance = rss / (n - p);
  const standardErrors = new Float64Array(p);
  for (let j = 0; j < p; j += 1) {
    standardErrors[j] = Math.sqrt(variance * inverse[j * p + j]!) / scale[j]!;
  }
  return { coefficients, standardErrors, residuals, rss };
};

const HUBER = 1.345;

/**
 * Fits like {@link fitLeastSquares}, but rows far off count less, so a few wild values move nothing.
 * The residuals are those of all rows; the standard errors are of the weighted fit.
 *
 * Source: Huber, "Robust Statistics" (1981), 7.8: iteratively reweighted least squares with the
 * constant 1.345 (95 % efficiency on normal data), scale from the median absolute residual.
 */
export const fitRobust = (
  columns: readonly Float64Array[],
  y: Float64Array,
  iterations = 6,
): LinearFit | null => {
  let fit = fitLeastSquares(columns, y);
  for (let round = 0; fit !== null && round < iterations; round += 1) {
    const sigma = robustDeviation(fit.residuals);
    // At least half of the rows lie on the model exactly: there is nothing to weigh.
    if (!(sigma > 1e-12 * Math.abs(median(y)))) break;
    const weights = fit.residuals.map((residual) =>
      Math.min(1, (HUBER * sigma) / Math.abs(residual || 1e-300)),
    );
    const next = fitLeastSquares(columns, y, { weights });
    if (next === null) break;
    let change = 0;
    for (let j = 0; j < columns.length; j += 1) {
      const step = Math.abs(next.coefficients[j]! - fit.coefficients[j]!);
      change = Math.max(change, step / (next.standardErrors[j]! || 1));
    }
    fit = next;
    if (change < 1e-3) break;
  }
  return fit;
};

/** A straight line y = intercept + slope * x. */
export interface Line {
  readonly intercept: number;
  readonly slope: number;
  /** Standard error of the slope for independent noise. */
  readonly slopeError: number;
  readonly rss: number;
  /** Coefficient of determination, in 0..1; 0 for a constant. */
  readonly r2: number;
}

/**
 * Fits a straight line to the elements [from, to) by least squares; NaN slopes for fewer than three
 * elements or equal x.
 */
export const fitLine = (
  x: Float64Array,
  y: Float64Array,
  from = 0,
  to: number = y.length,
): Line => {
  const n = to - from;
  let meanX = 0;
  let meanY = 0;
  for (let i = from; i < to; i += 1) {
    meanX += x[i]! / n;
    meanY += y[i]! / n;
  }
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (let i = from; i < to; i += 1) {
    const dx = x[i]! - meanX;
    const dy = y[i]! - meanY;
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
  }
  if (n < 3 || !(xx > 0)) {
    return { intercept: meanY, slope: Number.NaN, slopeError: Number.NaN, rss: yy, r2: 0 };
  }
  const slope = xy / xx;
  const rss = Math.max(0, yy - slope * xy);
  return {
    intercept: meanY - slope * meanX,
    slope,
    slopeError: Math.sqrt(rss / (n - 2) / xx),
    rss,
    r2: yy > 0 ? 1 - rss / yy : 0,
  };
};
