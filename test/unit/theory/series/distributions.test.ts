// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  incompleteBeta,
  logGamma,
  normalQuantile,
  studentTCdf,
  studentTQuantile,
} from '../../../../src/theory/series/distributions.ts';
import { golden } from './golden.ts';

const close = (actual: number, expected: number, relative: number): void => {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(relative * Math.abs(expected) + 1e-15);
};

describe('normalQuantile', () => {
  it.each(golden.normalQuantile)('agrees with SciPy at %d', (p, value) => {
    close(normalQuantile(p), value, 1e-9);
  });

  it('is odd about one half', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 0.5, noNaN: true }), (p) => {
        expect(normalQuantile(p) + normalQuantile(1 - p)).toBeCloseTo(0, 6);
      }),
    );
  });
});

describe('studentTQuantile', () => {
  it.each(golden.studentTQuantile)('agrees with SciPy at p %d, freedom %d', (p, freedom, value) => {
    close(studentTQuantile(p, freedom), value, 1e-9);
  });

  it('inverts the distribution function', () => {
    const p = fc.double({ min: 0.001, max: 0.999, noNaN: true });
    const freedom = fc.double({ min: 1, max: 400, noNaN: true });
    fc.assert(
      fc.property(p, freedom, (level, v) => {
        expect(studentTCdf(studentTQuantile(level, v), v)).toBeCloseTo(level, 9);
      }),
      { numRuns: 50 },
    );
  });
});

describe('studentTCdf, incompleteBeta and logGamma', () => {
  it('agree with SciPy', () => {
    for (const [t, freedom, value] of golden.studentTCdf)
      close(studentTCdf(t, freedom), value, 1e-10);
    for (const [x, a, b, value] of golden.incompleteBeta)
      close(incompleteBeta(x, a, b), value, 1e-10);
    for (const [x, value] of golden.logGamma) close(logGamma(x), value, 1e-11);
  });
});
