// SPDX-License-Identifier: Apache-2.0
/**
 * Step 9: when the floor plus its peaks reaches the limit. The plain interval of a slope covers far
 * too little, so the passage is simulated and widened by what past predictions missed.
 */
import { firstPassageQuantiles } from '../../theory/series/first-passage.ts';
import type { Random } from '../../theory/series/random.ts';
import type { Trend } from './trend.ts';

/** Time to OOM in buckets; `Infinity`: not within {@link NEVER_BUCKETS}. */
export interface TimeToOom {
  readonly median: number;
  readonly lower80: number;
  readonly upper80: number;
  readonly lower95: number;
  readonly upper95: number;
}

/** 30 days of five-minute buckets: what lies beyond is never. */
export const NEVER_BUCKETS = 8_640;

const LEVELS = [0.5, 0.1, 0.9, 0.025, 0.975] as const;

/** Factors on the half-widths in ln(time) of the 80 % and the 95 % interval. */
export interface Widening {
  readonly at80: number;
  readonly at95: number;
}

const widen = (median: number, bound: number, factor: number): number => {
  if (bound === 0 || median === 0) return 0;
  if (!Number.isFinite(bound)) return bound;
  if (!Number.isFinite(median)) return bound / factor;
  return median * Math.exp(factor * Math.log(bound / median));
};

/** No trend is known better than this share of its slope: the model itself is not the truth. */
const MODEL_SLACK = 0.05;
/** The request rate to come is known no better than this. */
const LOAD_SLACK = 0.25;

/** What the passage starts from. */
export interface PassageStart {
  /** Limit minus floor minus the usual peak above the floor. */
  readonly headroomBytes: number;
  /** Buckets between two points of the trend. */
  readonly width: number;
  /** Growth is per request, so the time to come depends on the rate to come. */
  readonly perRequest: boolean;
  /** Standard deviation of what the load adds to the floor, bytes. */
  readonly swingBytes: number;
}

/** Predicts the time to OOM. */
export const predictTimeToOom = (
  trend: Trend,
  start: PassageStart,
  options: { readonly widening: Widening; readonly random: Random },
): TimeToOom => {
  const { headroomBytes, width } = start;
  const slack = Math.hypot(
    MODEL_SLACK,
    start.perRequest ? LOAD_SLACK : 0,
    headroomBytes > 0 ? Math.min(1, start.swingBytes / headroomBytes) : 0,
  );
  const steps = firstPassageQuantiles(
    {
      distance: headroomBytes,
      slope: trend.slope * width,
      slopeError: Math.hypot(trend.slopeError, slack * trend.slope) * width,
      freedom: trend.freedom,
      deviation: trend.deviation,
      rho: trend.rho,
      present: trend.lastResidual,
      maxSteps: NEVER_BUCKETS / width,
    },
    LEVELS,
    options.random,
  );
  const [median = 0, low80 = 0, high80 = 0, low95 = 0, high95 = 0] = steps.map(
    (step) => step * width,
  );
  const { at80, at95 } = options.widening;
  const lower80 = widen(median, low80, at80);
  const upper80 = widen(median, high80, at80);
  return {
    median,
    lower80,
    upper80,
    lower95: Math.min(lower80, widen(median, low95, at95)),
    upper95: Math.max(upper80, widen(median, high95, at95)),
  };
};
