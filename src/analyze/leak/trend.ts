// SPDX-License-Identifier: Apache-2.0
import { effectiveSampleSize, noiseAutocorrelation } from '../../theory/series/autocorrelation.ts';
import { at, mean } from '../../theory/series/element.ts';
import { fitLine, fitRobust } from '../../theory/series/least-squares.ts';
import { theilSenSlope } from '../../theory/series/theil-sen.ts';

/** A straight trend of the floor under correlated noise. */
export interface Trend {
  /** Bytes per bucket, and its standard error with the noise's autocorrelation. */
  readonly slope: number;
  readonly slopeError: number;
  /** `slope / slopeError`; 0 when nothing varies. */
  readonly z: number;
  /** Degrees of freedom for the slope, at least 1. */
  readonly freedom: number;
  /** The floor at the last point by the trend, at mean load, in bytes. */
  readonly level: number;
  /** Noise: standard deviation in bytes, lag-1 autocorrelation between points, value at the last. */
  readonly deviation: number;
  readonly rho: number;
  readonly lastResidual: number;
  /** Bytes that the trend explains over its points. */
  readonly growth: number;
  /** The floor with the load's share taken off, [points]. */
  readonly adjusted: Float64Array;
}

/** The load beside a floor. */
export interface Load {
  /** Requests per bucket about their mean, [points]. */
  readonly values: Float64Array;
  /** Bytes for one request per bucket more. */
  readonly effect: number;
}

/**
 * Estimates the trend: Theil-Sen on what the load leaves, its error from the robust regression on
 * [1, x, load], so a load that runs along with time makes the slope unsure. `null` when there are
 * too few points.
 */
export const estimateTrend = (
  x: Float64Array,
  y: Float64Array,
  load: Load | null,
): Trend | null => {
  const n = x.length;
  const ones = new Float64Array(n).fill(1);
  const columns = load === null ? [ones, x] : [ones, x, load.values];
  const fit = n < 6 ? null : fitRobust(columns, y);
  if (fit === null) return null;
  const adjusted =
    load === null ? y : y.map((value, i) => value - load.effect * at(load.values, i));
  const slope = theilSenSlope(x, adjusted);
  const centre = mean(x);
  const residuals = adjusted.map((value, i) => value - slope * (at(x, i) - centre));
  const base = mean(residuals);
  for (let i = 0; i < n; i += 1) residuals[i] = at(residuals, i) - base;
  const rho = noiseAutocorrelation(residuals, columns.length);
  const inflation = Math.sqrt((1 + rho) / (1 - rho));
  // A floor of whole pages can lie on its line exactly; then a thousandth of the growth is its error.
  const growth = slope * (at(x, n - 1) - at(x, 0));
  const least = Math.abs(slope) * 1e-3;
  // What is no straight line has no one slope: half of what the later half says otherwise is added.
  const later = fitLine(x, adjusted, n >> 1).slope;
  const bend = Number.isNaN(later) ? 0 : (later - slope) / 2;
  const slopeError = Math.max(Math.hypot(at(fit.standardErrors, 1) * inflation, bend), least);
  return {
    slope,
    slopeError,
    z: slopeError > 0 ? slope / slopeError : 0,
    freedom: Math.max(1, effectiveSampleSize(n, rho) - columns.length),
    level: base + slope * (at(x, n - 1) - centre),
    deviation: Math.sqrt(mean(residuals.map((value) => value * value))),
    rho,
    lastResidual: at(residuals, n - 1),
    growth,
    adjusted,
  };
};
