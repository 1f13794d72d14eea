// SPDX-License-Identifier: Apache-2.0
/**
 * Step 8: a significant slope alone never alarms. Before it bends, a warm-up or a filling cache
 * cannot be told from a leak by one series; so the alarm waits until waiting is the greater risk.
 */
import type { TimeToOom } from './time-to-oom.ts';
import { NEVER_BUCKETS } from './time-to-oom.ts';

/** Soonest time to OOM that matters at any age, in buckets. */
const SOON_BUCKETS = 12;
/** Share of the trend's age: what has lasted that much longer than it has left is no start-up. */
const AGE_SHARE = 0.6;
/** Age in buckets from which a trend that shows no bend at all is a slow leak. */
const SLOW_AGE_BUCKETS = 168;
const SLOW_Z = 7;
const SLOW_HALVES = 0.7;

/** What the gate looks at. */
export interface RiskInput {
  readonly time: TimeToOom;
  /** Age of the trend in buckets. */
  readonly trendAge: number;
  readonly z: number;
  /** Saturation is clearly the wrong shape. */
  readonly saturationExcluded: boolean;
  /** Slope of the second half over that of the first. */
  readonly secondToFirst: number;
}

/** Tells why a leak deserves an alarm: soon, slowly but surely, or not (yet). */
export const judgeRisk = (input: RiskInput): 'soon' | 'slow' | 'none' => {
  const { time, trendAge } = input;
  if (time.median > NEVER_BUCKETS) return 'none';
  if (time.lower80 < Math.max(SOON_BUCKETS, AGE_SHARE * trendAge)) return 'soon';
  const slow =
    trendAge >= SLOW_AGE_BUCKETS &&
    input.saturationExcluded &&
    input.z > SLOW_Z &&
    input.secondToFirst > SLOW_HALVES;
  return slow ? 'slow' : 'none';
};
