// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** Reference values of NumPy and SciPy, see test/fixtures/series/make-golden.py. */
export interface Golden {
  readonly normalQuantile: readonly (readonly [p: number, value: number])[];
  readonly studentTQuantile: readonly (readonly [p: number, freedom: number, value: number])[];
  readonly studentTCdf: readonly (readonly [t: number, freedom: number, value: number])[];
  readonly logGamma: readonly (readonly [x: number, value: number])[];
  readonly incompleteBeta: readonly (readonly [x: number, a: number, b: number, value: number])[];
  readonly series: readonly {
    readonly x: readonly number[];
    readonly y: readonly number[];
    readonly load: readonly number[];
    readonly line: Readonly<Record<'slope' | 'intercept' | 'slopeError' | 'r2', number>>;
    readonly theilSen: number;
    readonly mannKendall: Readonly<Record<'s' | 'z', number>>;
    readonly lagOne: number;
    readonly quantiles: readonly (readonly [p: number, value: number])[];
    readonly mad: number;
    readonly two: {
      readonly coefficients: readonly number[];
      readonly standardErrors: readonly number[];
      readonly rss: number;
    };
    readonly saturating: Readonly<Record<'rss' | 'tau' | 'start' | 'rise', number>>;
  }[];
}

/** Reads the reference values. */
export const golden = JSON.parse(
  readFileSync(new URL('../../../fixtures/series/golden.json', import.meta.url), 'utf8'),
) as Golden;
