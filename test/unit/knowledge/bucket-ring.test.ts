// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPEN_BUCKETS } from '../../../src/knowledge/bucket-frame.ts';
import { GaugeRing, RequestRing } from '../../../src/knowledge/bucket-ring.ts';
import { SAMPLE_CAP } from '../../../src/knowledge/bucket-sample.ts';
import type { BucketSeries } from '../../../src/knowledge/view.ts';

const STEP = 10;

interface Sample {
  readonly t: number;
  readonly v: number;
}

/** Steps through time: mostly forward, sometimes back, sometimes far ahead. */
const samples = fc
  .array(
    fc.record({
      move: fc.oneof(
        { weight: 40, arbitrary: fc.integer({ min: 0, max: 12 }) },
        { weight: 6, arbitrary: fc.integer({ min: -100, max: 0 }) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 900 }) },
      ),
      v: fc.double({ min: 0, max: 1e9, noNaN: true }),
    }),
    { maxLength: 400, size: 'max' },
  )
  .map((moves) => {
    let t = 1_000_000;
    return moves.map(({ move, v }): Sample => {
      t += move;
      return { t, v };
    });
  });

const type7 = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * p;
  const low = sorted[Math.floor(place)]!;
  const high = sorted[Math.ceil(place)]!;
  return low + (high - low) * (place - Math.floor(place));
};

/** The window as a plain map from bucket to values. */
class NaiveRing {
  readonly window: number;
  readonly buckets = new Map<number, number[]>();
  constructor(window: number) {
    this.window = window;
  }
  get newest(): number {
    return Math.max(...this.buckets.keys());
  }
  admits(t: number): boolean {
    const open = Math.min(OPEN_BUCKETS, this.window);
    return this.buckets.size === 0 || Math.floor(t / STEP) > this.newest - open;
  }
  dropBefore(bucket: number): void {
    for (const old of this.buckets.keys()) if (old < bucket) this.buckets.delete(old);
  }
  add(t: number, v: number): void {
    const bucket = Math.floor(t / STEP);
    this.buckets.set(bucket, [...(this.buckets.get(bucket) ?? []), v]);
    for (const old of this.buckets.keys()) {
      if (old <= this.newest - this.window) this.buckets.delete(old);
    }
  }
}

const expectBucket = (series: BucketSeries, index: number, values: readonly number[]): void => {
  expect(series.count[index]).toBe(values.length);
  if (values.length === 0) {
    for (const column of [series.min, series.p30, series.median, series.max]) {
      expect(column[index]).toBeNaN();
    }
    return;
  }
  expect(series.min[index]).toBe(Math.min(...values));
  expect(series.max[index]).toBe(Math.max(...values));
  if (values.length > SAMPLE_CAP) return;
  expect(series.p30[index]).toBeCloseTo(type7(values, 0.3), 4);
  expect(series.median[index]).toBeCloseTo(type7(values, 0.5), 4);
};

const expectSame = (series: BucketSeries | null, naive: NaiveRing): void => {
  if (naive.buckets.size === 0 || series === null) {
    expect([series, naive.buckets.size]).toEqual([null, 0]);
    return;
  }
  const first = series.startMs / STEP;
  expect(first + series.length - 1).toBe(naive.newest);
  expect(first).toBeLessThanOrEqual(Math.min(...naive.buckets.keys()));
  expect(series.length).toBeLessThanOrEqual(naive.window);
  for (let index = 0; index < series.length; index++) {
    expectBucket(series, index, naive.buckets.get(first + index) ?? []);
  }
};

describe('GaugeRing', () => {
  it('shows the same buckets as a plain map does, whatever the order of the samples', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), samples, fc.nat(7), (window, input, pause) => {
        const ring = new GaugeRing({ resolutionMs: STEP, windowBuckets: window });
        const naive = new NaiveRing(window);
        for (const [index, { t, v }] of input.entries()) {
          expect(ring.admits(t)).toBe(naive.admits(t));
          if (!naive.admits(t)) continue;
          ring.add(t, v);
          naive.add(t, v);
          // Reading between samples must not change what is read later.
          if (index % (pause + 1) === 0) ring.series(window);
        }
        expectSame(ring.series(window), naive);
      }),
      { numRuns: 100 },
    );
  });

  it('shows only the newest buckets when a shorter window is asked for', () => {
    const ring = new GaugeRing({ resolutionMs: STEP, windowBuckets: 100 });
    for (let t = 0; t < 5_000; t += STEP) ring.add(t, t);
    const series = ring.series(7)!;
    expect([...series.min]).toEqual([4930, 4940, 4950, 4960, 4970, 4980, 4990]);
    expect(series.startMs).toBe(4930);
  });

  it('estimates percentiles from a uniform sample when a bucket overflows, the same each time', () => {
    const fill = (): GaugeRing => {
      const ring = new GaugeRing({ resolutionMs: 1_000, windowBuckets: 3 });
      for (let i = 0; i < 1_000; i++) ring.add(5_000 + i, i);
      return ring;
    };
    const series = fill().series(3)!;
    expect(series.count[0]).toBe(1_000);
    expect([series.min[0], series.max[0]]).toEqual([0, 999]);
    // Six standard errors of a quantile of 64 uniform draws: 6 * sqrt(p(1-p)/64) * 1000.
    expect(Math.abs(series.median[0]! - 500)).toBeLessThan(375);
    expect(Math.abs(series.p30[0]! - 300)).toBeLessThan(344);
    expect(fill().series(3)).toEqual(series);
  });

  it('gives windows into its own memory, not copies', () => {
    const ring = new GaugeRing({ resolutionMs: STEP, windowBuckets: 10 });
    ring.add(0, 1);
    expect(ring.series(10)!.min.buffer).toBe(ring.series(10)!.min.buffer);
  });
});

describe('RequestRing', () => {
  const totals = (ring: RequestRing, window: number): [number, number][] => {
    const series = ring.series(window);
    if (series === null) return [];
    return [...series.count].map((count, index) => [series.startMs + index * STEP, count]);
  };

  it('adds up increments per bucket, shows 0 where none were reported, and forgets on demand', () => {
    const drops = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(samples, drops, fc.integer({ min: 5, max: 90 }), (input, back, every) => {
        const ring = new RequestRing({ resolutionMs: STEP, windowBuckets: 30 });
        const naive = new NaiveRing(30);
        for (const [index, { t, v }] of input.entries()) {
          if (naive.admits(t)) {
            ring.add(t, Math.floor(v));
            naive.add(t, Math.floor(v));
          }
          if (index % every !== 0) continue;
          const bucket = naive.newest - back[index % back.length]!;
          ring.dropBefore(bucket * STEP);
          naive.dropBefore(bucket);
        }
        const shown = totals(ring, 30).filter(([, count]) => count > 0);
        const expected = [...naive.buckets]
          .map(([bucket, values]) => [bucket * STEP, values.reduce((sum, each) => sum + each, 0)])
          .filter(([, count]) => count! > 0)
          .sort(([a], [b]) => a! - b!);
        expect(shown).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('forgets what came before a time, also for buckets that open again', () => {
    const ring = new RequestRing({ resolutionMs: STEP, windowBuckets: 30 });
    for (let t = 0; t < 100; t += STEP) ring.add(t, 1);
    ring.dropBefore(55);
    expect(totals(ring, 30)).toEqual([
      [50, 1],
      [60, 1],
      [70, 1],
      [80, 1],
      [90, 1],
    ]);
    ring.add(20, 5);
    expect(totals(ring, 30).slice(0, 4)).toEqual([
      [20, 5],
      [30, 0],
      [40, 0],
      [50, 1],
    ]);
    ring.dropBefore(1_000);
    expect(ring.series(30)).toBeNull();
  });

  it('still has room for an open bucket when it moves right after it forgot', () => {
    const ring = new RequestRing({ resolutionMs: STEP, windowBuckets: 30 });
    for (let bucket = 0; bucket < 46; bucket++) ring.add(bucket * STEP, 1);
    ring.dropBefore(40 * STEP);
    ring.add(46 * STEP, 1);
    ring.add(35 * STEP, 7);
    expect(totals(ring, 30).filter(([, count]) => count > 0)).toEqual([
      [350, 7],
      [400, 1],
      [410, 1],
      [420, 1],
      [430, 1],
      [440, 1],
      [450, 1],
      [460, 1],
    ]);
  });
});
