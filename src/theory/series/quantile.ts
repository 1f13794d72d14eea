// SPDX-License-Identifier: Apache-2.0

/**
 * Moves the k-th smallest element (0-based) of `values[0..length)` to its place and returns it; the
 * array is reordered. Expected O(n).
 *
 * Source: Hoare, "Find" (1961), with the median of three as pivot.
 */
export const selectInPlace = (
  values: Float64Array,
  k: number,
  length: number = values.length,
): number => {
  let left = 0;
  let right = length - 1;
  while (left < right) {
    const a = values[left]!;
    const b = values[(left + right) >> 1]!;
    const c = values[right]!;
    const pivot = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i]! < pivot) i += 1;
      while (values[j]! > pivot) j -= 1;
      if (i <= j) {
        const held = values[i]!;
        values[i] = values[j]!;
        values[j] = held;
        i += 1;
        j -= 1;
      }
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else break;
  }
  return values[k]!;
};

/**
 * Returns the `p`-quantile of finite values by linear interpolation between order statistics; NaN
 * for an empty array. The input stays as it is.
 *
 * Source: Hyndman and Fan, "Sample quantiles in statistical packages" (1996), type 7.
 */
export const quantile = (values: Float64Array, p: number): number => {
  const n = values.length;
  if (n === 0) return Number.NaN;
  const copy = values.slice();
  const place = (n - 1) * Math.min(1, Math.max(0, p));
  const low = Math.floor(place);
  const atLow = selectInPlace(copy, low);
  if (low === place) return atLow;
  let next = Number.POSITIVE_INFINITY;
  for (let i = low + 1; i < n; i += 1) next = Math.min(next, copy[i]!);
  return atLow + (place - low) * (next - atLow);
};

/** Returns the median of finite values; NaN for an empty array. */
export const median = (values: Float64Array): number => quantile(values, 0.5);

/**
 * Estimates the standard deviation of normal data from the median absolute deviation; half of the
 * values may be wild. NaN for an empty array.
 *
 * Source: Huber, "Robust Statistics" (1981), 5.1; the factor is 1 / normalQuantile(3/4).
 */
export const robustDeviation = (values: Float64Array): number => {
  const centre = median(values);
  return 1.482602218505602 * median(values.map((value) => Math.abs(value - centre)));
};
