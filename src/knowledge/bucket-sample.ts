// SPDX-License-Identifier: Apache-2.0
import { quantile } from '../theory/series/quantile.ts';

/** Values that one bucket keeps; up to this many its percentiles are exact. */
export const SAMPLE_CAP = 64;

/**
 * Mixes two 32-bit numbers into one in [0, 1).
 * Source: the finaliser of MurmurHash3.
 */
const fraction = (a: number, b: number): number => {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
};

/**
 * Keeps the values of one open bucket, at most {@link SAMPLE_CAP}. Beyond the cap it is a uniform
 * sample, and percentiles are estimates; the draw depends on nothing but the bucket's number and
 * the position of the value, so a replay gives the same figures.
 * Source: Vitter, "Random Sampling with a Reservoir" (1985), algorithm R.
 */
export class BucketSample {
  readonly bucket: number;
  readonly #values: number[] = [];
  #seen = 0;
  /** True when a value came in since the last {@link percentiles}. */
  isDirty = false;

  constructor(bucket: number) {
    this.bucket = bucket;
  }

  /** Takes a value in. */
  add(value: number): void {
    this.isDirty = true;
    this.#seen += 1;
    if (this.#values.length < SAMPLE_CAP) {
      this.#values.push(value);
      return;
    }
    const place = Math.floor(fraction(this.bucket, this.#seen) * this.#seen);
    if (place < SAMPLE_CAP) this.#values[place] = value;
  }

  /** Returns the 30th percentile and the median of the values seen. */
  percentiles(): { readonly p30: number; readonly median: number } {
    this.isDirty = false;
    const values = Float64Array.from(this.#values);
    return { p30: quantile(values, 0.3), median: quantile(values, 0.5) };
  }
}
