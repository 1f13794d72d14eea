// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../domain/clock.ts';

/**
 * How many of the newest buckets still take samples. A retry of a refused batch arrives behind its
 * successors; what is older than this is late.
 */
export const OPEN_BUCKETS = 16;

const FIRST_CAPACITY = 32;

/** A window over time: buckets of `resolutionMs`, of which the newest `windowBuckets` are kept. */
export interface WindowSpec {
  readonly resolutionMs: number;
  readonly windowBuckets: number;
}

/** The contiguous part of a frame that is inside a window. */
export interface BucketRange {
  /** Slot of the oldest bucket. */
  readonly from: number;
  /** Slot after the newest bucket. */
  readonly to: number;
  readonly startMs: UnixMs;
}

const slackOf = (windowBuckets: number): number => Math.max(OPEN_BUCKETS, windowBuckets >> 2);

/**
 * Keeps columns of a bucketed series as contiguous arrays that slide along time, so that a window is
 * a `subarray` and never a copy.
 *
 * ```
 *   base        first                    newest     capacity
 *    | headroom   | the window             | free      |
 * ```
 * The arrays are somewhat longer than the window; when `newest` reaches their end the window moves
 * to the front, which costs O(1) amortised. Buckets are aligned to multiples of the step since the
 * epoch. A bucket that nobody wrote holds `count` 0 and the fill value in every float column.
 */
export class BucketFrame {
  readonly stepMs: number;
  readonly windowBuckets: number;
  readonly #open: number;
  readonly #fill: number;
  readonly #floatColumns: number;
  #counts = new Uint32Array(0);
  #floats: Float64Array<ArrayBuffer>[] = [];
  #base = 0;
  #first = 0;
  #newest = 0;
  #empty: boolean = true;

  constructor(spec: WindowSpec, floatColumns: number, fill: number) {
    this.stepMs = spec.resolutionMs;
    this.windowBuckets = spec.windowBuckets;
    this.#open = Math.min(OPEN_BUCKETS, spec.windowBuckets);
    this.#fill = fill;
    this.#floatColumns = floatColumns;
  }

  /** Returns the most bytes that a frame of this shape may ever hold. */
  static maxBytes(windowBuckets: number, floatColumns: number): number {
    return (windowBuckets + slackOf(windowBuckets)) * (4 + 8 * floatColumns);
  }

  get isEmpty(): boolean {
    return this.#empty;
  }

  /** Number of the newest bucket; meaningless while empty. */
  get newest(): number {
    return this.#newest;
  }

  /** Samples per bucket; replaced when the frame grows, so never to be kept. */
  get counts(): Uint32Array<ArrayBuffer> {
    return this.#counts;
  }

  /** Returns a float column; replaced when the frame grows, so never to be kept. */
  column(index: number): Float64Array<ArrayBuffer> {
    return this.#floats[index] as Float64Array<ArrayBuffer>;
  }

  /** Returns the number of the bucket that covers a time. */
  bucketOf(timeMs: UnixMs): number {
    return Math.floor(timeMs / this.stepMs);
  }

  /** True when the bucket still takes samples: it is new, or among the newest {@link OPEN_BUCKETS}. */
  isOpen(bucket: number): boolean {
    return this.#empty || bucket > this.#newest - this.#open;
  }

  /** True when the bucket has a slot inside the window. */
  holds(bucket: number): boolean {
    return !this.#empty && bucket >= this.#first && bucket <= this.#newest;
  }

  /** Returns the slot of a bucket that {@link holds}. */
  slotOf(bucket: number): number {
    return bucket - this.#base;
  }

  /** Makes room for an open bucket and returns its slot. */
  open(bucket: number): number {
    if (this.#empty) this.#restart(bucket);
    else if (bucket > this.#newest) this.#advance(bucket);
    else if (bucket < this.#first) this.#first = bucket;
    return bucket - this.#base;
  }

  /** Returns the newest `windowBuckets` buckets, or `null` when nothing was ever written. */
  range(windowBuckets: number): BucketRange | null {
    if (this.#empty) return null;
    const first = Math.max(this.#first, this.#newest - windowBuckets + 1);
    return {
      from: first - this.#base,
      to: this.#newest + 1 - this.#base,
      startMs: first * this.stepMs,
    };
  }

  /** Forgets the buckets before one. */
  dropBefore(bucket: number): void {
    if (this.#empty || bucket <= this.#first) return;
    if (bucket > this.#newest) {
      this.#empty = true;
      return;
    }
    // Emptied, not only hidden: an open bucket may come to life again.
    const from = this.#first - this.#base;
    const to = bucket - this.#base;
    this.#counts.fill(0, from, to);
    for (const column of this.#floats) column.fill(this.#fill, from, to);
    this.#first = bucket;
  }

  /** Forgets everything but the memory. */
  clear(): void {
    this.#empty = true;
  }

  #restart(bucket: number): void {
    this.#empty = false;
    // Headroom for the open buckets before the first one: they may still come, out of order.
    this.#base = bucket - this.#open + 1;
    this.#first = bucket;
    this.#newest = bucket;
    if (this.#counts.length < this.#open) this.#grow(this.#open, 0);
    this.#counts.fill(0);
    for (const column of this.#floats) column.fill(this.#fill);
  }

  #advance(bucket: number): void {
    if (bucket - this.#newest >= this.windowBuckets) {
      this.#restart(bucket);
      return;
    }
    this.#newest = bucket;
    this.#first = Math.max(this.#first, bucket - this.windowBuckets + 1);
    if (bucket - this.#base < this.#counts.length) return;
    const base = Math.max(this.#base, Math.min(this.#first, bucket - this.#open + 1));
    const shift = base - this.#base;
    this.#base = base;
    const needed = bucket - base + 1;
    if (this.#counts.length < this.windowBuckets + slackOf(this.windowBuckets)) {
      this.#grow(needed, shift);
    } else {
      this.#slide(shift);
    }
  }

  #grow(needed: number, shift: number): void {
    const most = this.windowBuckets + slackOf(this.windowBuckets);
    const size = Math.min(most, Math.max(FIRST_CAPACITY, needed, 2 * this.#counts.length));
    const counts = new Uint32Array(size);
    counts.set(this.#counts.subarray(shift));
    this.#counts = counts;
    this.#floats = Array.from({ length: this.#floatColumns }, (_, index) => {
      const column = new Float64Array(size).fill(this.#fill);
      const before = this.#floats[index];
      if (before !== undefined) column.set(before.subarray(shift));
      return column;
    });
  }

  #slide(shift: number): void {
    const kept = this.#counts.length - shift;
    this.#counts.copyWithin(0, shift);
    this.#counts.fill(0, kept);
    for (const column of this.#floats) {
      column.copyWithin(0, shift);
      column.fill(this.#fill, kept);
    }
  }
}
