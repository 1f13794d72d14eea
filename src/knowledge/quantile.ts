// SPDX-License-Identifier: Apache-2.0

/**
 * Reads a quantile from ascending values by linear interpolation between order statistics.
 * Source: Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996), definition 7.
 * @param sorted ascending, without NaN
 * @param p 0..1
 * @returns NaN when there are no values
 */
export const quantileOfSorted = (sorted: ArrayLike<number>, p: number): number => {
  if (sorted.length === 0) return Number.NaN;
  const position = (sorted.length - 1) * p;
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (position - below);
};
