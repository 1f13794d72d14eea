// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitLeastSquares, fitLine } from '../../../../src/theory/series/least-squares.ts';
import { Random } from '../../../../src/theory/series/random.ts';
import {
  bayesianInformation,
  fitBentLine,
  fitSaturating,
  fitShifts,
} from '../../../../src/theory/series/shape.ts';
import { golden } from './golden.ts';

const noisy = (n: number, seed: number): { x: Float64Array; y: Float64Array } => {
  const random = new Random(seed);
  const x = Float64Array.from({ length: n }, (_, i) => i + random.between(0, 0.5));
  return { x, y: Float64Array.from({ length: n }, () => 10 * random.normal()) };
};

describe('fitSaturating', () => {
  it('agrees with NumPy over a grid of time constants', () => {
    for (const { x, y, saturating } of golden.series) {
      const start = x[0]!;
      const width = x.at(-1)! - start;
      const fit = fitSaturating(
        Float64Array.from(x, (value) => value - start),
        Float64Array.from(y),
        [0.15, 0.4, 1, 3].map((share) => share * width),
      )!;
      expect(fit.tau).toBeCloseTo(saturating.tau, 8);
      expect(fit.rss / saturating.rss).toBeCloseTo(1, 6);
      expect(fit.rise / saturating.rise).toBeCloseTo(1, 4);
      expect(fit.start).toBeCloseTo(saturating.start, 3);
    }
  });

  it('recovers the curve it is given, beside a covariate', () => {
    const x = Float64Array.from({ length: 40 }, (_, i) => i);
    const load = x.map((value) => Math.sin(value));
    const y = x.map((value, i) => 7 + 30 * (1 - Math.exp(-value / 8)) + 4 * load[i]!);
    const fit = fitSaturating(x, y, [4, 8, 16], [load])!;
    expect(fit.tau).toBe(8);
    expect(fit.rise).toBeCloseTo(30, 4);
    expect(fit.extra[0]).toBeCloseTo(4, 4);
  });
});

describe('fitShifts', () => {
  const rssOf = (y: Float64Array, cuts: readonly number[]): number => {
    let rss = 0;
    for (let part = 0; part <= cuts.length; part += 1) {
      const values = y.slice(cuts[part - 1] ?? 0, cuts[part] ?? y.length);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      for (const value of values) rss += (value - mean) ** 2;
    }
    return rss;
  };

  it('equals the brute force over all places', () => {
    fc.assert(
      fc.property(fc.integer({ min: 9, max: 24 }), fc.nat(), (n, seed) => {
        const { y } = noisy(n, seed);
        let one = Number.POSITIVE_INFINITY;
        let two = Number.POSITIVE_INFINITY;
        for (let i = 3; i <= n - 3; i += 1) {
          one = Math.min(one, rssOf(y, [i]));
          for (let j = i + 3; j <= n - 3; j += 1) two = Math.min(two, rssOf(y, [i, j]));
        }
        const found = fitShifts(y);
        expect(found.one!.rss).toBeCloseTo(one, 6);
        expect(found.two!.rss).toBeCloseTo(two, 6);
        expect(rssOf(y, found.two!.at)).toBeCloseTo(two, 6);
      }),
    );
  });

  it('wins the BIC against a line on a jump and loses on a line', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const random = new Random(seed);
      const x = Float64Array.from({ length: 40 }, (_, i) => i);
      const jump = x.map((value) => (value < 18 ? 0 : 8) + random.normal());
      const line = x.map((value) => 0.3 * value + random.normal());
      const better = (y: Float64Array): boolean =>
        bayesianInformation(fitShifts(y).one!.rss, 40, 3) <
        bayesianInformation(fitLine(x, y).rss, 40, 2);
      expect(better(jump)).toBe(true);
      expect(better(line)).toBe(false);
    }
  });

  it('is null where the pieces do not fit in', () => {
    expect(fitShifts(Float64Array.of(1, 2, 3, 4, 5))).toEqual({ one: null, two: null });
  });
});

describe('fitBentLine', () => {
  it('equals the brute force over all knots, with and without a covariate', () => {
    fc.assert(
      fc.property(fc.integer({ min: 14, max: 40 }), fc.nat(), fc.boolean(), (n, seed, withLoad) => {
        const { x, y } = noisy(n, seed);
        const extra = withLoad ? [noisy(n, seed + 1).y] : [];
        let best = Number.POSITIVE_INFINITY;
        for (let at = 6; at < n - 6; at += 1) {
          const bend = x.map((value) => Math.max(0, value - x[at]!));
          const fit = fitLeastSquares([new Float64Array(n).fill(1), x, ...extra, bend], y)!;
          best = Math.min(best, fit.rss);
        }
        const found = fitBentLine(x, y, 6, extra)!;
        expect(found.rss / best).toBeCloseTo(1, 6);
        expect(found.extra).toHaveLength(extra.length);
      }),
    );
  });

  it('recovers slopes before and after the bend', () => {
    const x = Float64Array.from({ length: 30 }, (_, i) => 2 * i);
    const y = x.map((value) => 100 + value + 4 * Math.max(0, value - 30));
    const fit = fitBentLine(x, y)!;
    expect(x[fit.at]).toBe(30);
    expect(fit.before).toBeCloseTo(1, 6);
    expect(fit.after).toBeCloseTo(5, 6);
  });
});
