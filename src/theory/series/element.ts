// SPDX-License-Identifier: Apache-2.0

/** Reads one element; NaN outside the array, so that a wrong index cannot pass for a value. */
export const at = (values: ArrayLike<number>, index: number): number =>
  index >= 0 && index < values.length ? values[index]! : Number.NaN;

/** Returns the arithmetic mean of the elements [from, to); NaN for none. */
export const mean = (values: Float64Array, from = 0, to: number = values.length): number => {
  let sum = 0;
  for (let i = from; i < to; i += 1) sum += values[i]!;
  return sum / (to - from);
};
