// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  effectiveSampleSize,
  noiseAutocorrelation,
} from '../../../../src/theory/series/autocorrelation.ts';
import {
  fitLeastSquares,
  fitLine,
  fitRobust,
} from '../../../../src/theory/series/least-squares.ts';
import { Random } from '../../../../src/theory/series/random.ts';
import { golden } from './golden.ts';

const ones = (n: number): Float64Array => new Float64Array(n).fill(1);

describe('fitLine', () => {
  it('agrees with SciPy', () => {
    for (const { x, y, line } of golden.series) {
      const found = fitLine(Float64Array.from(x), Float64Array.from(y));
      for (const key of ['slope', 'intercept', 'slopeError', 'r2'] as const) {
        expect(found[key]).toBeCloseTo(line[key], 9);
      }
    }
  });

  it('fits a part as if it were the whole', () => {
    const { x, y } = golden.series[2]!;
    const whole = fitLine(Float64Array.from(x.slice(5, 20)), Float64Array.from(y.slice(5, 20)));
    const part = fitLine(Float64Array.from(x), Float64Array.from(y), 5, 20);
    expect(part.slope).toBeCloseTo(whole.slope, 10);
    expect(part.slopeError).toBeCloseTo(whole.slopeError, 10);
  });

  it('has no slope for two points or equal x', () => {
    expect(fitLine(Float64Array.of(1, 2), Float64Array.of(1, 2)).slope).toBeNaN();
    expect(fitLine(Float64Array.of(1, 1, 1), Float64Array.of(1, 2, 3)).slope).toBeNaN();
  });
});

describe('fitLeastSquares', () => {
  it('agrees with NumPy on a line with a covariate', () => {
    for (const { x, y, load, two } of golden.series) {
      const fit = fitLeastSquares(
        [ones(x.length), Float64Array.from(x), Float64Array.from(load)],
        Float64Array.from(y),
      )!;
      expect(fit.rss).toBeCloseTo(two.rss, 5);
      two.coefficients.forEach((value, i) => {
        expect(fit.coefficients[i]).toBeCloseTo(value, 5);
        expect(fit.standardErrors[i]).toBeCloseTo(two.standardErrors[i]!, 5);
      });
    }
  });

  it('leaves residuals orthogonal to every column', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 40 }), fc.nat(), (n, seed) => {
        const random = new Random(seed);
        const columns = [
          ones(n),
          Float64Array.from({ length: n }, (_, i) => i),
          Float64Array.from({ length: n }, () => random.normal()),
        ];
        const y = Float64Array.from({ length: n }, () => 100 * random.normal());
        const { residuals } = fitLeastSquares(columns, y)!;
        for (const column of columns) {
          const product = column.reduce((sum, value, i) => sum + value * residuals[i]!, 0);
          expect(Math.abs(product)).toBeLessThan(1e-3);
        }
      }),
    );
  });

  it('answers collinear columns with huge errors, degenerate ones with null', () => {
    const x = Float64Array.from({ length: 20 }, (_, i) => i);
    const y = Float64Array.from({ length: 20 }, (_, i) => i + (i % 3));
    const fit = fitLeastSquares([ones(20), x, x.map((value) => 3 * value)], y)!;
    expect(fit.standardErrors[1]).toBeGreaterThan(100);
    expect(fitLeastSquares([ones(20), new Float64Array(20)], y)).toBeNull();
    expect(fitLeastSquares([ones(2), x.slice(0, 2)], y.slice(0, 2))).toBeNull();
  });
});

describe('fitRobust', () => {
  it('finds the line although a fifth of the values is wild', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const x = Float64Array.from({ length: 60 }, (_, i) => i);
        const y = x.map(
          (value, i) =>
            5 + 2 * value + random.normal() + (i % 5 === 0 ? 300 * random.uniform() : 0),
        );
        const fit = fitRobust([ones(60), x], y)!;
        expect(fit.coefficients[1]).toBeCloseTo(2, 0);
        expect(Math.abs(fit.coefficients[1]! - 2)).toBeLessThan(0.12);
      }),
    );
  });

  it('is a stationary point of the Huber loss', () => {
    const { x, y } = golden.series[3]!;
    const columns = [ones(x.length), Float64Array.from(x)];
    const fit = fitRobust(columns, Float64Array.from(y), 60)!;
    const sorted = fit.residuals.slice().sort();
    const centre = sorted[(sorted.length - 1) / 2]!;
    const deviations = fit.residuals.map((value) => Math.abs(value - centre)).sort();
    const sigma = 1.482602218505602 * deviations[(deviations.length - 1) / 2]!;
    for (const column of columns) {
      const gradient = fit.residuals.reduce(
        (sum, r, i) => sum + column[i]! * Math.max(-1.345 * sigma, Math.min(1.345 * sigma, r)),
        0,
      );
      const size = column.reduce((sum, value) => sum + Math.abs(value) * sigma, 0);
      expect(Math.abs(gradient) / size).toBeLessThan(2e-3);
    }
  });
});

describe('slope error under AR(1) noise', () => {
  it('covers the truth with the inflation by (1 + rho) / (1 - rho), and not without', () => {
    let plain = 0;
    let inflated = 0;
    const rounds = 400;
    for (let seed = 0; seed < rounds; seed += 1) {
      const random = new Random(seed);
      let state = random.normal();
      const x = Float64Array.from({ length: 60 }, (_, i) => i);
      const y = x.map((value) => {
        state = 0.7 * state + Math.sqrt(1 - 0.49) * random.normal();
        return 0.1 * value + state;
      });
      const fit = fitLeastSquares([ones(60), x], y)!;
      const rho = noiseAutocorrelation(fit.residuals, 2);
      expect(effectiveSampleSize(60, rho)).toBeGreaterThan(0);
      const miss = Math.abs(fit.coefficients[1]! - 0.1);
      if (miss < 1.67 * fit.standardErrors[1]!) plain += 1 / rounds;
      if (miss < 1.67 * fit.standardErrors[1]! * Math.sqrt((1 + rho) / (1 - rho)))
        inflated += 1 / rounds;
    }
    expect(plain).toBeLessThan(0.7);
    expect(inflated).toBeGreaterThan(0.82);
    expect(inflated).toBeLessThan(0.97);
  });
});
