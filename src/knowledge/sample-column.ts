// SPDX-License-Identifier: Apache-2.0

const FIRST_CAPACITY = 32;

/**
 * Samples in time order as parallel arrays, at most `limit` of them; dropping the oldest and
 * appending cost O(1) amortised.
 */
export class SampleColumn {
  readonly #limit: number;
  #times = new Float64Array(0);
  #values = new Float64Array(0);
  #gaps: Float64Array<ArrayBuffer> | null;
  #start = 0;
  #length = 0;

  /** `withGaps`: each sample also carries a distance, see {@link gap}. */
  constructor(limit: number, withGaps: boolean) {
    this.#limit = limit;
    this.#gaps = withGaps ? new Float64Array(0) : null;
  }

  /** Returns the most bytes that a column of this limit may hold. */
  static maxBytes(limit: number, withGaps: boolean): number {
    return (limit + (limit >> 3) + FIRST_CAPACITY) * (withGaps ? 24 : 16);
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= this.#limit;
  }

  /** Time of a sample, 0 being the oldest. */
  time(index: number): number {
    return this.#times[this.#start + index] as number;
  }

  /** Value of a sample, 0 being the oldest. */
  value(index: number): number {
    return this.#values[this.#start + index] as number;
  }

  /** The distance given with the sample; 0 without gaps. */
  gap(index: number): number {
    return this.#gaps === null ? 0 : (this.#gaps[this.#start + index] as number);
  }

  /** Index of the first sample not before a time; `length` when there is none. */
  lowerBound(timeMs: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.time(middle) < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Puts a sample at an index, which keeps the order; the caller has made sure that it is not full. */
  insert(index: number, timeMs: number, value: number, gapMs = 0): void {
    this.#makeRoom();
    const at = this.#start + index;
    const end = this.#start + this.#length;
    if (at < end) {
      this.#times.copyWithin(at + 1, at, end);
      this.#values.copyWithin(at + 1, at, end);
      this.#gaps?.copyWithin(at + 1, at, end);
    }
    this.#times[at] = timeMs;
    this.#values[at] = value;
    if (this.#gaps !== null) this.#gaps[at] = gapMs;
    this.#length += 1;
  }

  /** Drops the oldest samples. */
  dropOldest(count: number): void {
    this.#start += count;
    this.#length -= count;
  }

  #makeRoom(): void {
    const end = this.#start + this.#length;
    if (end < this.#times.length) return;
    const most = this.#limit + (this.#limit >> 3) + FIRST_CAPACITY;
    const size = Math.min(most, Math.max(FIRST_CAPACITY, 2 * this.#length));
    if (size > this.#times.length) {
      const moved = (column: Float64Array): Float64Array<ArrayBuffer> => {
        const wider = new Float64Array(size);
        wider.set(column.subarray(this.#start, end));
        return wider;
      };
      this.#times = moved(this.#times);
      this.#values = moved(this.#values);
      if (this.#gaps !== null) this.#gaps = moved(this.#gaps);
    } else {
      this.#times.copyWithin(0, this.#start, end);
      this.#values.copyWithin(0, this.#start, end);
      this.#gaps?.copyWithin(0, this.#start, end);
    }
    this.#start = 0;
  }
}
