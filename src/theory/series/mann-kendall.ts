// SPDX-License-Identifier: Apache-2.0

/** Result of the Mann-Kendall test. */
export interface MannKendall {
  /** Number of rising pairs minus falling pairs. */
  readonly s: number;
  /** Normal score with continuity correction; 0 for fewer than three values or all ties. */
  readonly z: number;
}

/**
 * Tests the elements [from, to) for a monotone trend against independent values. Autocorrelation
 * makes it alarm far too often: it serves as the baseline, not as the detector. O(n^2) time, O(n)
 * memory.
 *
 * Source: Kendall, "Rank Correlation Methods" (1975), with the variance corrected for ties.
 */
export const mannKendall = (
  values: Float64Array,
  from = 0,
  to: number = values.length,
): MannKendall => {
  const n = to - from;
  let s = 0;
  for (let j = from + 1; j < to; j += 1) {
    const here = values[j]!;
    for (let i = from; i < j; i += 1) {
      const there = values[i]!;
      if (here > there) s += 1;
      else if (here < there) s -= 1;
    }
  }
  let variance = n * (n - 1) * (2 * n + 5);
  const sorted = values.slice(from, to).sort();
  let run = 1;
  for (let i = 1; i <= n; i += 1) {
    if (i < n && sorted[i] === sorted[i - 1]) run += 1;
    else {
      variance -= run * (run - 1) * (2 * run + 5);
      run = 1;
    }
  }
  if (n < 3 || variance <= 0) return { s, z: 0 };
  return { s, z: (s - Math.sign(s)) / Math.sqrt(variance / 18) };
};
