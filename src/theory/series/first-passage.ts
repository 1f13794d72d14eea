// SPDX-License-Identifier: Apache-2.0
import { quantile } from './quantile.ts';
import type { Random } from './random.ts';

/** A straight trend with uncertain slope under AR(1) noise, on its way to a level. */
export interface PassageModel {
  /** Distance from the trend's present value to the level; not positive: it is there already. */
  readonly distance: number;
  /** Slope per step and its standard error. */
  readonly slope: number;
  readonly slopeError: number;
  /** Degrees of freedom of the slope, at least 1. */
  readonly freedom: number;
  /** Stationary standard deviation and lag-1 autocorrelation, in [0, 1), of the noise per step. */
  readonly deviation: number;
  readonly rho: number;
  /** Noise at present. */
  readonly present: number;
  /** Steps after which a path counts as never arriving. */
  readonly maxSteps: number;
}

const STEPS = 48;
const REACH = 3.5;

/** One path: steps until trend plus noise reach the level. */
const onePath = (model: PassageModel, random: Random): number => {
  const { distance, deviation, rho, maxSteps } = model;
  const slope = model.slope + model.slopeError * random.studentT(model.freedom);
  if (!(slope > 0)) return Number.POSITIVE_INFINITY;
  // Noise matters only in the band of REACH deviations below the level. Start there, with the noise
  // in its law given the present, and walk in strides that cross the band in at most STEPS.
  const start = Math.max(0, Math.floor((distance - REACH * deviation) / slope));
  if (start > maxSteps) return Number.POSITIVE_INFINITY;
  const band = Math.max(1, Math.ceil((2 * REACH * deviation) / slope / STEPS));
  const decay = rho ** band;
  const kick = deviation * Math.sqrt(1 - decay * decay);
  const before = rho ** start;
  let noise = before * model.present + deviation * Math.sqrt(1 - before * before) * random.normal();
  for (let step = start; step <= maxSteps; step += band) {
    if (slope * step + noise >= distance) {
      const exact = (distance - noise) / slope;
      return Math.max(0, Math.min(step, Math.max(step - band, exact)));
    }
    noise = decay * noise + kick * random.normal();
  }
  return Number.POSITIVE_INFINITY;
};

/**
 * Simulates when a trend under AR(1) noise first reaches a level.
 * @returns the quantiles `levels` (in 0..1) of the number of steps; `Infinity` for never
 *
 * Cost: at most about 50 normal draws a path.
 */
export const firstPassageQuantiles = (
  model: PassageModel,
  levels: readonly number[],
  random: Random,
  paths = 400,
): number[] => {
  if (model.distance <= 0) return levels.map(() => 0);
  const times = new Float64Array(paths);
  // Quantiles interpolate, and infinity minus infinity is no number: never is a huge number first.
  const never = 1e300;
  for (let i = 0; i < paths; i += 1) times[i] = Math.min(never, onePath(model, random));
  return levels.map((level) => {
    const steps = quantile(times, level);
    return steps > model.maxSteps ? Number.POSITIVE_INFINITY : steps;
  });
};
