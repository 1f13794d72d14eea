// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../domain/clock.ts';
import { BucketFrame, OPEN_BUCKETS, type WindowSpec } from './bucket-frame.ts';
import { BucketSample, SAMPLE_CAP } from './bucket-sample.ts';
import type { BucketSeries } from './view.ts';

const MIN = 0;
const P30 = 1;
const MEDIAN = 2;
const MAX = 3;
const GAUGE_COLUMNS = 4;

/** Buckets of one gauge at one resolution: exact count, min and max; percentiles as `BucketSample` says. */
export class GaugeRing {
  readonly #frame: BucketFrame;
  /** The open buckets, each at its number modulo {@link OPEN_BUCKETS}. */
  readonly #samples: (BucketSample | undefined)[] = new Array(OPEN_BUCKETS);

  constructor(spec: WindowSpec) {
    this.#frame = new BucketFrame(spec, GAUGE_COLUMNS, Number.NaN);
  }

  /** Returns the most bytes that a ring of this window may hold. */
  static maxBytes(windowBuckets: number): number {
    return (
      BucketFrame.maxBytes(windowBuckets, GAUGE_COLUMNS) +
      Math.min(OPEN_BUCKETS, windowBuckets) * SAMPLE_CAP * 8
    );
  }

  get windowBuckets(): number {
    return this.#frame.windowBuckets;
  }

  /** True when a sample of that time would be taken. */
  admits(timeMs: UnixMs): boolean {
    return this.#frame.isOpen(this.#frame.bucketOf(timeMs));
  }

  /** Takes a sample that {@link admits} has let pass. */
  add(timeMs: UnixMs, value: number): void {
    const frame = this.#frame;
    const bucket = frame.bucketOf(timeMs);
    const slot = frame.open(bucket);
    const isFirst = frame.counts[slot] === 0;
    frame.counts[slot] = (frame.counts[slot] as number) + 1;
    const min = frame.column(MIN);
    const max = frame.column(MAX);
    min[slot] = isFirst ? value : Math.min(min[slot] as number, value);
    max[slot] = isFirst ? value : Math.max(max[slot] as number, value);
    this.#sampleOf(bucket).add(value);
  }

  /** Forgets every bucket. */
  clear(): void {
    this.#frame.clear();
    this.#samples.fill(undefined);
  }

  /**
   * Returns the newest `windowBuckets` buckets, or `null` when there are none. The arrays are windows
   * into the ring, valid until the next sample.
   */
  series(windowBuckets: number): BucketSeries | null {
    for (const sample of this.#samples) if (sample?.isDirty) this.#settle(sample);
    const range = this.#frame.range(windowBuckets);
    if (range === null) return null;
    const { from, to, startMs } = range;
    const column = (index: number): Float64Array => this.#frame.column(index).subarray(from, to);
    return {
      length: to - from,
      stepMs: this.#frame.stepMs,
      startMs,
      count: this.#frame.counts.subarray(from, to),
      min: column(MIN),
      p30: column(P30),
      median: column(MEDIAN),
      max: column(MAX),
    };
  }

  #sampleOf(bucket: number): BucketSample {
    const place = ((bucket % OPEN_BUCKETS) + OPEN_BUCKETS) % OPEN_BUCKETS;
    const present = this.#samples[place];
    if (present?.bucket === bucket) return present;
    // The one before it in this place is at least OPEN_BUCKETS older: it closes for good.
    if (present?.isDirty) this.#settle(present);
    const sample = new BucketSample(bucket);
    this.#samples[place] = sample;
    return sample;
  }

  #settle(sample: BucketSample): void {
    const { p30, median } = sample.percentiles();
    if (!this.#frame.holds(sample.bucket)) return;
    const slot = this.#frame.slotOf(sample.bucket);
    this.#frame.column(P30)[slot] = p30;
    this.#frame.column(MEDIAN)[slot] = median;
  }
}

/** Buckets over which one increment is spread at most; the ring takes late samples for longer. */
const MOST_SPREAD = 8;

/** Requests of one container per bucket, at one resolution; a bucket without a report counts 0. */
export class RequestRing {
  readonly #frame: BucketFrame;

  constructor(spec: WindowSpec) {
    this.#frame = new BucketFrame(spec, 1, 0);
  }

  /** Returns the most bytes that a ring of this window may hold. */
  static maxBytes(windowBuckets: number): number {
    return BucketFrame.maxBytes(windowBuckets, 1);
  }

  get windowBuckets(): number {
    return this.#frame.windowBuckets;
  }

  /** True when an increment of that time would be taken. */
  admits(timeMs: UnixMs): boolean {
    return this.#frame.isOpen(this.#frame.bucketOf(timeMs));
  }

  /**
   * Takes an increment that {@link admits} has let pass. It is spread evenly over the time since the
   * report before it, at most {@link MOST_SPREAD} buckets back: a reader that comes a moment late must not
   * look like a change of the load.
   * @param sinceMs time of the report before; `null`: none, and all of it counts at `timeMs`
   */
  add(timeMs: UnixMs, requests: number, sinceMs: UnixMs | null = null): void {
    const { stepMs } = this.#frame;
    const fromMs = Math.max(sinceMs ?? timeMs, timeMs - MOST_SPREAD * stepMs);
    const spanMs = timeMs - fromMs;
    const last = this.#frame.bucketOf(timeMs);
    if (!(spanMs > 0)) {
      this.#put(last, requests);
      return;
    }
    let left = requests;
    for (let bucket = this.#frame.bucketOf(fromMs); bucket < last; bucket += 1) {
      if (!this.#frame.isOpen(bucket)) continue;
      const partMs = (bucket + 1) * stepMs - Math.max(fromMs, bucket * stepMs);
      const part = (requests * partMs) / spanMs;
      this.#put(bucket, part);
      left -= part;
    }
    this.#put(last, left);
  }

  #put(bucket: number, requests: number): void {
    const slot = this.#frame.open(bucket);
    const column = this.#frame.column(0);
    this.#frame.counts[slot] = (this.#frame.counts[slot] as number) + 1;
    column[slot] = (column[slot] as number) + requests;
  }

  /** Forgets the buckets that end at or before a time. */
  dropBefore(timeMs: UnixMs): void {
    this.#frame.dropBefore(this.#frame.bucketOf(timeMs));
  }

  /** Returns the newest buckets, or `null` when no increment ever came. */
  series(
    windowBuckets: number,
  ): { readonly startMs: UnixMs; readonly stepMs: number; readonly count: Float64Array } | null {
    const range = this.#frame.range(windowBuckets);
    if (range === null) return null;
    return {
      startMs: range.startMs,
      stepMs: this.#frame.stepMs,
      count: this.#frame.column(0).subarray(range.from, range.to),
    };
  }
}
