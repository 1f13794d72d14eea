// SPDX-License-Identifier: Apache-2.0
/**
 * The conformal part of step 9. OOMs are rare, so predictions are scored by level crossing: now say
 * when the floor reaches a level a little above; score when it does.
 */
import { OnlineQuantile } from '../../theory/series/online-quantile.ts';
import type { TimeToOom, Widening } from './time-to-oom.ts';

/** A prediction that waits for its level. Times in buckets of the wall clock. */
interface Pending {
  readonly segmentStart: number;
  readonly madeAt: number;
  readonly predicted: number;
  readonly level: number;
  /** Half-widths in ln(time) that the interval claims. */
  readonly half80: number;
  readonly half95: number;
}

/** What is known of a container's growth at one analysis. */
export interface Growth {
  readonly key: string;
  readonly segmentStart: number;
  readonly now: number;
  readonly level: number;
  readonly slope: number;
  readonly trendAge: number;
  /** As predicted with {@link Calibration.wideningAt}. */
  readonly time: TimeToOom;
}

/** Smallest half-width worth scoring: no prediction is better than 2 %. */
const LEAST_HALF = 0.02;
/** A level not reached after this multiple of the predicted time counts as missed by that much. */
const GIVE_UP = 4;
/** Before there are scores. */
const PRIOR: Widening = { at80: 1.5, at95: 1.5 };

/** Widens intervals by what they missed in the past. One state number per interval, one prediction per container. */
export class Calibration {
  readonly #at80 = new OnlineQuantile(0.8, PRIOR.at80, [0.8, 4]);
  readonly #at95 = new OnlineQuantile(0.95, PRIOR.at95, [0.8, 4]);
  readonly #pending = new Map<string, Pending>();

  #windowEnd = Number.NEGATIVE_INFINITY;
  #widening: Widening = PRIOR;

  /**
   * Returns the factors for analyses of windows that end at `windowEnd` (in buckets since the
   * epoch): what earlier windows taught. So neither the order of containers nor asking twice matters.
   */
  wideningAt(windowEnd: number): Widening {
    if (windowEnd > this.#windowEnd) {
      this.#windowEnd = windowEnd;
      this.#widening = { at80: this.#at80.value, at95: this.#at95.value };
    }
    return this.#widening;
  }

  /** Scores what has come true, and notes a new prediction when none waits. */
  observe(growth: Growth): void {
    const pending = this.#pending.get(growth.key);
    if (pending?.madeAt === growth.now) return;
    if (pending !== undefined) {
      if (pending.segmentStart !== growth.segmentStart) this.#pending.delete(growth.key);
      else if (!this.#score(pending, growth)) return;
    }
    this.#predict(growth);
  }

  /** Forgets containers that are gone, so that the state is bounded by the view. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#pending.keys()) if (!keys.has(key)) this.#pending.delete(key);
  }

  #score(pending: Pending, growth: Growth): boolean {
    const elapsed = growth.now - pending.madeAt;
    const reached = growth.level >= pending.level;
    if (!reached && elapsed < GIVE_UP * pending.predicted) return false;
    if (elapsed > 0) {
      const miss = Math.abs(Math.log(elapsed / pending.predicted));
      this.#at80.add(miss / pending.half80);
      this.#at95.add(miss / pending.half95);
    }
    this.#pending.delete(growth.key);
    return true;
  }

  #predict(growth: Growth): void {
    const { time, slope } = growth;
    if (!(slope > 0) || !Number.isFinite(time.median) || !(time.lower95 > 0)) return;
    const { at80, at95 } = this.#widening;
    const predicted = Math.max(6, 0.3 * growth.trendAge);
    this.#pending.set(growth.key, {
      segmentStart: growth.segmentStart,
      madeAt: growth.now,
      predicted,
      level: growth.level + slope * predicted,
      half80: Math.max(LEAST_HALF, Math.log(time.median / time.lower80) / at80),
      half95: Math.max(LEAST_HALF, Math.log(time.median / time.lower95) / at95),
    });
  }
}
