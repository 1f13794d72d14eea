// SPDX-License-Identifier: Apache-2.0
/**
 * Step 6: growth must be sure, large, and still going on.
 */
import { noiseAutocorrelation } from '../../theory/series/autocorrelation.ts';
import { studentTQuantile } from '../../theory/series/distributions.ts';
import { at } from '../../theory/series/element.ts';
import { fitLine, type Line } from '../../theory/series/least-squares.ts';
import type { Trend } from './trend.ts';

const SURE_Z = 4.5;
const LEAST_GROWTH_SHARE = 0.03;
const LEAST_GROWTH_DEVIATIONS = 3;

/** Tells whether a trend is both significant and large. */
export const isSignificant = (trend: Trend, limitBytes: number): boolean =>
  trend.z > SURE_Z &&
  trend.growth > LEAST_GROWTH_SHARE * limitBytes &&
  trend.growth > LEAST_GROWTH_DEVIATIONS * trend.deviation;

/** How the growth is spread over its time. */
export interface Persistence {
  /** Slope of the second half over that of the first; Infinity when the first does not rise. */
  readonly secondToFirst: number;
  /** The second half rises for sure and at least at 45 % of the first, the last quarter at 40 % of all. */
  readonly goesOn: boolean;
  /** The last quarter rises at less than 15 % of the overall slope. */
  readonly levelledOff: boolean;
}

/** Lower 95 % bound of a slope with the noise's autocorrelation. */
const slopeBound = (line: Line, n: number, rho: number): number => {
  const neff = (n * (1 - rho)) / (1 + rho);
  const inflation = Math.sqrt((1 + rho) / (1 - rho));
  return line.slope - studentTQuantile(0.95, Math.max(1, neff - 2)) * line.slopeError * inflation;
};

/** Judges how a growth over points (x, y) goes on. */
export const judgePersistence = (x: Float64Array, y: Float64Array): Persistence => {
  const n = x.length;
  const half = n >> 1;
  const whole = fitLine(x, y);
  const first = fitLine(x, y, 0, half);
  const second = fitLine(x, y, half);
  const last = fitLine(x, y, Math.min(n - 4, n - Math.floor(n / 4)));
  const residuals = y.slice(half).map((value, i) => value - second.slope * at(x, half + i));
  const rho = noiseAutocorrelation(residuals, 2);
  const secondToFirst = first.slope > 0 ? second.slope / first.slope : Number.POSITIVE_INFINITY;
  return {
    secondToFirst,
    goesOn:
      secondToFirst > 0.45 &&
      slopeBound(second, n - half, rho) > 0 &&
      last.slope + last.slopeError > 0.4 * whole.slope,
    levelledOff: last.slope < 0.15 * whole.slope,
  };
};
