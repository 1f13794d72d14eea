// SPDX-License-Identifier: Apache-2.0
/**
 * Composes steps 1 to 6, 8 and 9 for one container: from its buckets to a class, a slope and a time to
 * OOM. Pure; times are counted in buckets, so nothing here knows how long a bucket is.
 */
import { at, mean } from '../../theory/series/element.ts';
import { quantile } from '../../theory/series/quantile.ts';
import type { Random } from '../../theory/series/random.ts';
import { findStaircase, type Staircase } from '../../theory/series/staircase.ts';
import type { Floor } from './floor.ts';
import { type Axis, chooseAxis } from './load.ts';
import { isSignificant, judgePersistence, type Persistence } from './persistence.ts';
import { judgeRisk } from './risk.ts';
import { judgeSaturation, judgeShape, type Regime, type Saturation } from './shape.ts';
import { predictTimeToOom, type TimeToOom, type Widening } from './time-to-oom.ts';
import { estimateTrend, type Trend } from './trend.ts';

/** What a container's memory does. */
export type LeakClass =
  | 'leak'
  | 'leak-per-request'
  | 'staircase'
  | 'load-growth'
  | 'warming'
  | 'cache-bounded'
  | 'step'
  | 'noise'
  | 'unknown';

/** The classes that may lead to an action. */
export const LEAK_CLASSES: ReadonlySet<LeakClass> = new Set([
  'leak',
  'leak-per-request',
  'staircase',
] as const);

/** What is found about one container. */
export interface Assessment {
  readonly classification: LeakClass;
  /** The risk gate: `none` for every class but a leak. */
  readonly risk: 'soon' | 'slow' | 'none';
  readonly trend: Trend;
  /** First x of the trend, in buckets since the segment's start. */
  readonly trendStart: number;
  /** Age of the trend in buckets. */
  readonly trendAge: number;
  /** The floor now by the trend, at mean load, bytes. */
  readonly floorBytes: number;
  /** Limit minus floor minus usual peak, bytes; negative when already above. */
  readonly headroomBytes: number;
  /** Widened by the calibration. */
  readonly time: TimeToOom;
}

/** Fewest points for a verdict. */
const LEAST_POINTS = 12;

/** What {@link assess} needs besides the floor. */
export interface AssessOptions {
  readonly limitBytes: number;
  /** Age of the segment's data in buckets. */
  readonly age: number;
  readonly widening: Widening;
  readonly random: Random;
}

/** The trend of the present regime: its points, and the estimate over them. */
interface Present {
  readonly regime: Regime;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly trend: Trend;
}

const presentTrend = (floor: Floor, axis: Axis, whole: Trend, regime: Regime): Present => {
  const { from } = regime;
  const x = axis.x.subarray(from);
  const load =
    axis.load === null ? null : { values: axis.load.subarray(from), effect: axis.loadEffect };
  const trend = from === 0 ? whole : estimateTrend(x, floor.y.subarray(from), load);
  if (trend === null) {
    return { regime: { from: 0, kind: 'whole' }, x: axis.x, y: whole.adjusted, trend: whole };
  }
  return { regime, x, y: trend.adjusted, trend };
};

/** The class of growth that is not (or no longer) there. */
const classOfNoGrowth = (
  floor: Floor,
  axis: Axis,
  found: { readonly whole: Trend; readonly jumped: boolean },
  limitBytes: number,
): LeakClass => {
  const { whole, jumped } = found;
  const blind = axis.load === null ? null : estimateTrend(floor.x, floor.y, null);
  if (blind !== null && isSignificant(blind, limitBytes)) return 'load-growth';
  const n = whole.adjusted.length;
  const rise =
    mean(whole.adjusted, n - Math.ceil(n / 4)) - mean(whole.adjusted, 0, Math.ceil(n / 4));
  if (rise < 0.04 * limitBytes) return 'noise';
  return jumped ? 'step' : 'cache-bounded';
};

const classOfGrowth = (
  axis: Axis,
  staircase: Staircase | null,
  jumped: boolean,
  growth: { readonly saturation: Saturation; readonly persistence: Persistence },
): LeakClass => {
  if (staircase !== null) return 'staircase';
  if (jumped) return 'step';
  if (growth.saturation.safe) return growth.persistence.levelledOff ? 'cache-bounded' : 'warming';
  if (!growth.persistence.goesOn) return growth.persistence.levelledOff ? 'cache-bounded' : 'noise';
  return axis.perRequest ? 'leak-per-request' : 'leak';
};

/** A staircase that is still climbed: the next step is not long overdue. */
const liveStaircase = (floor: Floor, whole: Trend, limitBytes: number): Staircase | null => {
  const stairs = findStaircase(floor.x, whole.adjusted, 0.01 * limitBytes);
  if (stairs === null) return null;
  const since = at(floor.x, floor.x.length - 1) - stairs.lastJump;
  return since < 1.6 * stairs.period ? stairs : null;
};

/** The trend of a staircase is the mean climb over whole stairs. */
const withStairs = (trend: Trend, stairs: Staircase): Trend => ({
  ...trend,
  slope: stairs.slope,
  slopeError: stairs.slopeError,
  z: stairs.slope / Math.max(stairs.slopeError, 1e-300),
  freedom: Math.max(1, stairs.jumps - 1),
});

/** Peak above the floor that is usual lately: the load's swing, collections and glitches. */
const usualPeak = (floor: Floor, adjusted: Float64Array, from: number): number => {
  const above = floor.peak.map((peak, i) => peak + at(floor.y, i) - at(adjusted, i));
  return Math.max(0, quantile(above.subarray(from), 0.85));
};

/** Standard deviation of what the load adds to the floor, bytes. */
const swing = ({ load, loadEffect }: Axis): number =>
  load === null ? 0 : loadEffect * Math.sqrt(mean(load.map((value) => value * value)));

/** Assesses a floor of at least {@link LEAST_POINTS} points; `null` when it has fewer. */
export const assess = (floor: Floor, options: AssessOptions): Assessment | null => {
  const { limitBytes, age } = options;
  const n = floor.x.length;
  if (n < LEAST_POINTS) return null;
  const axis = chooseAxis(floor);
  const load = axis.load === null ? null : { values: axis.load, effect: axis.loadEffect };
  const whole = estimateTrend(axis.x, floor.y, load);
  if (whole === null) return null;
  const shape = judgeShape(axis.x, whole.adjusted);
  const stairs = liveStaircase(floor, whole, limitBytes);
  const present: Present =
    stairs === null
      ? presentTrend(floor, axis, whole, shape.regime)
      : {
          regime: { from: 0, kind: 'whole' },
          x: axis.x,
          y: whole.adjusted,
          trend: withStairs(whole, stairs),
        };
  const { trend, regime } = present;
  const saturation = judgeSaturation(present.x, present.y, limitBytes);
  const persistence = judgePersistence(present.x, present.y);
  const classification = isSignificant(trend, limitBytes)
    ? classOfGrowth(axis, stairs, shape.jumped, { saturation, persistence })
    : classOfNoGrowth(floor, axis, { whole, jumped: shape.jumped }, limitBytes);
  const floorBytes = trend.level + trend.slope * Math.max(0, age - at(floor.x, n - 1));
  const headroomBytes = limitBytes - floorBytes - usualPeak(floor, whole.adjusted, regime.from);
  const time = predictTimeToOom(
    trend,
    { headroomBytes, width: floor.width, perRequest: axis.perRequest, swingBytes: swing(axis) },
    options,
  );
  const trendStart = at(floor.x, regime.from);
  const trendAge = regime.kind === 'onset' ? age - trendStart : age;
  // A bend too young to be judged alone is a reason to wait, not a class.
  const waits = stairs === null && shape.flattens;
  const risk =
    LEAK_CLASSES.has(classification) && !waits
      ? judgeRisk({
          time,
          trendAge,
          z: trend.z,
          saturationExcluded: stairs !== null || saturation.excluded,
          secondToFirst: stairs === null ? persistence.secondToFirst : 1,
        })
      : 'none';
  return { classification, risk, trend, trendStart, trendAge, floorBytes, headroomBytes, time };
};
