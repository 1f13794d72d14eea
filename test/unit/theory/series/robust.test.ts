// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  effectiveSampleSize,
  lagOneAutocorrelation,
  noiseAutocorrelation,
} from '../../../../src/theory/series/autocorrelation.ts';
import { mannKendall } from '../../../../src/theory/series/mann-kendall.ts';
import {
  median,
  quantile,
  robustDeviation,
  selectInPlace,
} from '../../../../src/theory/series/quantile.ts';
import { Random } from '../../../../src/theory/series/random.ts';
import { theilSenSlope } from '../../../../src/theory/series/theil-sen.ts';
import { golden } from './golden.ts';

const floats = (most: number) =>
  fc
    .array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: most })
    .map((values) => Float64Array.from(values));
/** Small whole numbers: many ties. */
const ties = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 40 });

describe('quantile', () => {
  it('agrees with NumPy', () => {
    for (const { y, quantiles, mad } of golden.series) {
      const values = Float64Array.from(y);
      for (const [p, value] of quantiles) expect(quantile(values, p)).toBeCloseTo(value, 10);
      expect(robustDeviation(values)).toBeCloseTo(mad, 10);
    }
  });

  it('is a whole order statistic where the place is whole, also with ties', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          floats(60),
          ties.map((t) => Float64Array.from(t)),
        ),
        fc.nat(),
        (values, raw) => {
          const k = raw % values.length;
          const sorted = values.slice().sort();
          expect(selectInPlace(values.slice(), k)).toBe(sorted[k]);
          expect(quantile(values, values.length === 1 ? 0 : k / (values.length - 1))).toBeCloseTo(
            sorted[k]!,
            3,
          );
        },
      ),
    );
  });

  it('leaves its input as it is and gives NaN for no value', () => {
    const values = Float64Array.of(3, 1, 2);
    expect(median(values)).toBe(2);
    expect([...values]).toEqual([3, 1, 2]);
    expect(quantile(new Float64Array(0), 0.3)).toBeNaN();
  });
});

describe('theilSenSlope', () => {
  /** Textbook definition, all slopes in memory. */
  const bruteForce = (x: Float64Array, y: Float64Array): number => {
    const slopes: number[] = [];
    for (let j = 1; j < y.length; j += 1) {
      for (let i = 0; i < j; i += 1)
        if (x[i] !== x[j]) slopes.push((y[j]! - y[i]!) / (x[j]! - x[i]!));
    }
    return median(Float64Array.from(slopes));
  };

  it('agrees with SciPy', () => {
    for (const { x, y, theilSen } of golden.series) {
      expect(theilSenSlope(Float64Array.from(x), Float64Array.from(y))).toBeCloseTo(theilSen, 10);
    }
  });

  it('equals the brute force, also where slopes tie by the hundred', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 90 }),
        fc.nat(),
        fc.integer({ min: 1, max: 50 }),
        (n, seed, levels) => {
          const random = new Random(seed);
          const x = Float64Array.from({ length: n }, (_, i) =>
            seed % 3 === 0 ? Math.floor(i / 2) : i,
          );
          const y = Float64Array.from({ length: n }, () => Math.floor(random.between(0, levels)));
          const expected = bruteForce(x, y);
          const actual = theilSenSlope(x, y);
          if (Number.isNaN(expected)) expect(actual).toBeNaN();
          else expect(actual).toBeCloseTo(expected, 12);
        },
      ),
    );
  });

  it('is not moved by a quarter of wild values', () => {
    const x = Float64Array.from({ length: 40 }, (_, i) => i);
    const y = x.map((value, i) => (i % 4 === 1 ? 1e9 : 2 * value));
    expect(theilSenSlope(x, y)).toBeGreaterThan(1.5);
    expect(theilSenSlope(x, y)).toBeLessThan(1e3);
  });

  it('is NaN when all x are equal', () => {
    expect(theilSenSlope(Float64Array.of(1, 1), Float64Array.of(1, 2))).toBeNaN();
  });
});

describe('mannKendall', () => {
  it('agrees with the formula evaluated by NumPy on rounded values', () => {
    for (const { y, mannKendall: expected } of golden.series) {
      // NumPy rounds halves to even; none of the values is a half.
      const found = mannKendall(Float64Array.from(y, (value) => Math.round(value)));
      expect(found.s).toBe(expected.s);
      expect(found.z).toBeCloseTo(expected.z, 10);
    }
  });

  it('is odd under reversal and zero for ties only', () => {
    fc.assert(
      fc.property(ties, (values) => {
        const there = mannKendall(Float64Array.from(values));
        const back = mannKendall(Float64Array.from(values.toReversed()));
        expect(there.s + back.s).toBe(0);
        expect(there.z + back.z).toBeCloseTo(0, 12);
        expect(mannKendall(new Float64Array(values.length)).z).toBe(0);
      }),
    );
  });
});

describe('lagOneAutocorrelation', () => {
  it('agrees with NumPy', () => {
    for (const { y, lagOne } of golden.series) {
      expect(lagOneAutocorrelation(Float64Array.from(y))).toBeCloseTo(lagOne, 10);
    }
  });

  it('recovers the coefficient of an AR(1) process on average, also on short series', () => {
    for (const rho of [0, 0.4, 0.7]) {
      let sum = 0;
      const rounds = 400;
      for (let round = 0; round < rounds; round += 1) {
        const random = new Random(round);
        let state = random.normal();
        const values = Float64Array.from({ length: 40 }, () => {
          const here = state;
          state = rho * state + Math.sqrt(1 - rho * rho) * random.normal();
          return here;
        });
        sum += noiseAutocorrelation(values, 1) / rounds;
      }
      // Clamping at zero lifts the mean of the uncorrelated case.
      expect(Math.abs(sum - rho)).toBeLessThan(rho === 0 ? 0.1 : 0.06);
    }
  });

  it('makes the effective sample size n for white noise and less for red', () => {
    expect(effectiveSampleSize(100, 0)).toBe(100);
    expect(effectiveSampleSize(100, 0.5)).toBeCloseTo(100 / 3, 10);
  });
});
