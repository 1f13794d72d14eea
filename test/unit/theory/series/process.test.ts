// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { studentTQuantile } from '../../../../src/theory/series/distributions.ts';
import {
  firstPassageQuantiles,
  type PassageModel,
} from '../../../../src/theory/series/first-passage.ts';
import { OnlineQuantile } from '../../../../src/theory/series/online-quantile.ts';
import { quantile } from '../../../../src/theory/series/quantile.ts';
import { Random, seedOf } from '../../../../src/theory/series/random.ts';
import { findFalls, removeSaw } from '../../../../src/theory/series/sawtooth.ts';
import { findStaircase } from '../../../../src/theory/series/staircase.ts';
import { theilSenSlope } from '../../../../src/theory/series/theil-sen.ts';

describe('Random', () => {
  it('repeats its sequence for a seed and gives another for another', () => {
    const draw = (seed: number): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 8 }, () => random.uniform());
    };
    expect(draw(seedOf('a'))).toEqual(draw(seedOf('a')));
    expect(draw(seedOf('a'))).not.toEqual(draw(seedOf('b')));
  });

  it('draws the laws it names', () => {
    const random = new Random(42);
    const many = (draw: () => number): Float64Array => Float64Array.from({ length: 40_000 }, draw);
    const normal = many(() => random.normal());
    expect(quantile(normal, 0.5)).toBeCloseTo(0, 1);
    expect(quantile(normal, 0.975)).toBeCloseTo(1.96, 1);
    const student = many(() => random.studentT(3));
    expect(Math.abs(quantile(student, 0.95) / studentTQuantile(0.95, 3) - 1)).toBeLessThan(0.05);
    const gamma = many(() => random.gamma(0.7));
    const mean = gamma.reduce((sum, value) => sum + value, 0) / gamma.length;
    expect(Math.abs(mean - 0.7)).toBeLessThan(0.03);
    const uniform = many(() => random.uniform());
    expect(uniform.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(quantile(uniform, 0.25)).toBeCloseTo(0.25, 1);
  });
});

const passage: PassageModel = {
  distance: 100,
  slope: 1,
  slopeError: 0.1,
  freedom: 30,
  deviation: 4,
  rho: 0.6,
  present: 0,
  maxSteps: 100_000,
};
const LEVELS = [0.05, 0.5, 0.95];

describe('firstPassageQuantiles', () => {
  /** Every step walked, nothing skipped. */
  const bruteForce = (model: PassageModel, random: Random): Float64Array =>
    Float64Array.from({ length: 4_000 }, () => {
      const slope = model.slope + model.slopeError * random.studentT(model.freedom);
      let noise = model.present;
      for (let step = 0; step < 2_000; step += 1) {
        if (slope * step + noise >= model.distance) return step;
        noise =
          model.rho * noise + model.deviation * Math.sqrt(1 - model.rho ** 2) * random.normal();
      }
      return 2_000;
    });

  it('agrees with a walk through every step', () => {
    for (const change of [
      {},
      { deviation: 15 },
      { rho: 0, slopeError: 0.01 },
      { distance: 10, present: 6 },
    ]) {
      const model = { ...passage, ...change };
      const found = firstPassageQuantiles(model, LEVELS, new Random(1), 4_000);
      const expected = bruteForce(model, new Random(2));
      LEVELS.forEach((level, i) => {
        const truth = quantile(expected, level);
        expect(Math.abs(found[i]! - truth), JSON.stringify({ change, level })).toBeLessThan(
          0.08 * truth + 2,
        );
      });
    }
  });

  it('is the plain quotient without noise', () => {
    const model = { ...passage, slopeError: 0, deviation: 0 };
    expect(firstPassageQuantiles(model, LEVELS, new Random(1))).toEqual([100, 100, 100]);
  });

  it('is never when nothing grows, and now when the level is reached', () => {
    const still = { ...passage, slope: 0, slopeError: 0, deviation: 0 };
    expect(firstPassageQuantiles(still, [0.5], new Random(1))).toEqual([Number.POSITIVE_INFINITY]);
    expect(firstPassageQuantiles({ ...passage, distance: -1 }, [0.5], new Random(1))).toEqual([0]);
  });

  it('gives ordered quantiles and no NaN whatever the model', () => {
    const positive = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({
          distance: fc.double({ min: -1e9, max: 1e9, noNaN: true }),
          slope: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
          slopeError: positive,
          freedom: fc.double({ min: 1, max: 300, noNaN: true }),
          deviation: positive,
          rho: fc.double({ min: 0, max: 0.97, noNaN: true }),
          present: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
          maxSteps: fc.constant(8_640),
        }),
        (model) => {
          const [low, middle, high] = firstPassageQuantiles(model, LEVELS, new Random(1), 60);
          expect(low).toBeLessThanOrEqual(middle!);
          expect(middle).toBeLessThanOrEqual(high!);
          expect(low).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});

describe('OnlineQuantile', () => {
  it('settles where the wanted share of the scores lies below', () => {
    const random = new Random(5);
    const tracker = new OnlineQuantile(0.8, 1.5, [0.01, 100]);
    let below = 0;
    const rounds = 20_000;
    for (let i = 0; i < rounds; i += 1) {
      const score = Math.exp(random.normal());
      if (score <= tracker.value) below += 1 / rounds;
      tracker.add(score);
    }
    expect(below).toBeCloseTo(0.8, 2);
  });

  it('stays inside its bounds for hostile scores and ignores NaN', () => {
    const tracker = new OnlineQuantile(0.95, 1.5, [0.8, 4]);
    tracker.add(Number.NaN);
    expect(tracker.value).toBe(1.5);
    for (let i = 0; i < 500; i += 1) tracker.add(Number.POSITIVE_INFINITY);
    expect(tracker.value).toBe(4);
    for (let i = 0; i < 5_000; i += 1) tracker.add(0);
    expect(tracker.value).toBe(0.8);
  });
});

describe('removeSaw', () => {
  const x = Float64Array.from({ length: 120 }, (_, i) => i + 0.5);
  const saw = (slope: number, height: number, period: number) =>
    x.map((t) => 1_000 + slope * t + height * ((t % period) / period));

  it('leaves the trend under the saw', () => {
    for (const period of [4, 7, 13]) {
      for (const slope of [0, 0.5, 3]) {
        const y = saw(slope, 80, period);
        const falls = findFalls(x, y, 20);
        expect(falls.length).toBeGreaterThanOrEqual(3);
        const found = removeSaw(x, y, falls)!;
        expect(found.period).toBeCloseTo(period, 6);
        expect(Math.abs(theilSenSlope(x, found.floor) - slope)).toBeLessThan(0.05);
      }
    }
  });

  it('takes a decaying spike for no fall, and has nothing to remove without a fall', () => {
    const spike = x.map((t) => 1_000 + (t > 50 ? 300 * Math.exp(-(t - 50) / 6) : 0));
    expect(findFalls(x, spike, 20)).toEqual([]);
    expect(removeSaw(x, spike, [])).toBeNull();
  });
});

describe('findStaircase', () => {
  const x = Float64Array.from({ length: 72 }, (_, i) => i);

  it('finds the climb of regular steps up', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const random = new Random(seed);
      const y = x.map((t) => 500 + 60 * Math.floor(t / 12) + 3 * random.normal());
      const found = findStaircase(x, y, 10)!;
      expect(found.jumps).toBe(5);
      expect(Math.abs(found.slope - 5)).toBeLessThan(0.6);
      expect(found.lastJump).toBeGreaterThan(57);
    }
  });

  it('finds none in a line, in one step, or when one step goes down', () => {
    const random = new Random(3);
    expect(
      findStaircase(
        x,
        x.map((t) => 5 * t + random.normal()),
        10,
      ),
    ).toBeNull();
    expect(
      findStaircase(
        x,
        x.map((t) => (t > 30 ? 60 : 0) + random.normal()),
        10,
      ),
    ).toBeNull();
    const down = x.map((t) => 60 * Math.floor(t / 12) - (t >= 48 ? 200 : 0) + random.normal());
    expect(findStaircase(x, down, 10)).toBeNull();
  });
});
