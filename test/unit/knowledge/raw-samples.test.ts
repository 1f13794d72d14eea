// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RawSamples, RECENT_SAMPLES, THINNED_SAMPLES } from '../../../src/knowledge/raw-samples.ts';

const RETAIN_MS = 1_000_000;

/** Times that mostly rise by about `stepMs`, some out of order, some repeated. */
const times = (maxLength: number) =>
  fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 1, max: 40 }) },
        { weight: 2, arbitrary: fc.integer({ min: -400, max: 0 }) },
        { weight: 1, arbitrary: fc.integer({ min: 100, max: 2_000 }) },
      ),
      { maxLength, size: 'max' },
    )
    .map((moves) => {
      let t = 500_000;
      return moves.map((move) => {
        t += move;
        return t;
      });
    });

/** A sorted plain array; everything is kept, `left` says what has left the recent part. */
class Naive {
  readonly all: { t: number; v: number }[] = [];
  left = Number.NEGATIVE_INFINITY;
  fate(t: number, v: number): string {
    const same = this.recent().find((each) => each.t === t);
    if (same !== undefined) return same.v === v ? 'duplicate' : 'contradiction';
    return t > this.left ? 'accepted' : 'late';
  }
  add(t: number, v: number): void {
    this.all.push({ t, v });
    this.all.sort((a, b) => a.t - b.t);
    if (this.all.length > RECENT_SAMPLES) this.left = this.all.at(-RECENT_SAMPLES - 1)!.t;
  }
  recent(): { t: number; v: number }[] {
    return this.all.slice(-RECENT_SAMPLES);
  }
  interval(): number {
    const recent = this.recent();
    if (recent.length < 3) return Number.NaN;
    const gaps = recent.slice(1).map((each, index) => each.t - recent[index]!.t);
    gaps.sort((a, b) => a - b);
    const middle = gaps.length >> 1;
    return gaps.length % 2 === 1 ? gaps[middle]! : (gaps[middle - 1]! + gaps[middle]!) / 2;
  }
  /** The oracle: a walk over every accepted sample. */
  at(t: number): number | null {
    for (const [index, after] of this.all.entries()) {
      if (after.t === t) return after.v;
      if (after.t < t) continue;
      const before = this.all[index - 1];
      if (before === undefined) return null;
      const gap = after.t - before.t;
      if (!(gap <= 3 * this.interval())) return null;
      return before.v + ((after.v - before.v) * (t - before.t)) / gap;
    }
    return null;
  }
}

const line = (t: number): number => 1_000 + 3 * t;

/** Samples every 10 ms on a line, in runs with holes between them. */
const lineWithHoles = (
  runs: readonly { readonly run: number; readonly hole: number }[],
  retainMs: number,
): { raw: RawSamples; holes: readonly (readonly [number, number])[] } => {
  const raw = new RawSamples(retainMs);
  const holes: [number, number][] = [];
  let t = 0;
  for (const { run, hole } of runs) {
    for (let i = 0; i < run; i++) {
      raw.add(t, line(t));
      t += 10;
    }
    holes.push([t - 10, t - 10 + hole]);
    t += hole - 10;
  }
  return { raw, holes: holes.slice(0, -1) };
};

/** True near a hole, where a kept neighbour may lie behind it, and at the far end of the retention. */
const mayBeUnknown = (
  t: number,
  holes: readonly (readonly [number, number])[],
  newestMs: number,
  retainMs: number,
): boolean => {
  const cell = retainMs / THINNED_SAMPLES + 20;
  const isNearHole = holes.some(([from, to]) => t > from - cell && t < to + cell);
  return isNearHole || t < newestMs - retainMs + cell;
};

describe('RawSamples', () => {
  it('judges and interpolates as a sorted array does while nothing is thinned', () => {
    fc.assert(
      fc.property(
        times(300),
        fc.array(fc.integer({ min: 499_000, max: 520_000 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        (input, asked, levels) => {
          const raw = new RawSamples(RETAIN_MS);
          const naive = new Naive();
          for (const [index, t] of input.entries()) {
            const v = (index * 7_919) % (levels * 1_000);
            expect(raw.fateOf(t, v)).toBe(naive.fate(t, v));
            if (naive.fate(t, v) !== 'accepted') continue;
            raw.add(t, v);
            naive.add(t, v);
          }
          expect(raw.intervalMs()).toEqual(naive.interval());
          for (const t of [...asked, ...input]) {
            const expected = naive.at(t);
            const actual = raw.at(t);
            if (expected === null) expect(actual).toBeNull();
            else expect(actual).toBeCloseTo(expected, 6);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('reads a straight line exactly where old samples are thinned, and never across a real hole', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            run: fc.integer({ min: 5, max: 900 }),
            hole: fc.integer({ min: 31, max: 3_000 }),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        fc.integer({ min: 20_000, max: 400_000 }),
        (runs, retainMs) => {
          const { raw, holes } = lineWithHoles(runs, retainMs);
          // The median is 10 as long as the recent part has more samples than holes.
          expect(raw.intervalMs()).toBe(10);
          for (let asked = 0; asked <= raw.newestMs; asked += 7) {
            const value = raw.at(asked);
            if (holes.some(([from, to]) => asked > from && asked < to)) expect(value).toBeNull();
            if (value !== null) expect(value).toBeCloseTo(line(asked), 6);
            else expect(mayBeUnknown(asked, holes, raw.newestMs, retainMs)).toBe(true);
          }
          expect(raw.at(raw.newestMs - 15)).toBeCloseTo(line(raw.newestMs - 15), 6);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('answers over the whole retention once it is full, and stays bounded', () => {
    const raw = new RawSamples(100_000);
    for (let t = 0; t < 1_000_000; t += 10) raw.add(t, t);
    let kept = 0;
    raw.forEachAfter(Number.NEGATIVE_INFINITY, () => {
      kept += 1;
    });
    expect(kept).toBeLessThanOrEqual(RECENT_SAMPLES + THINNED_SAMPLES);
    for (let asked = 901_000; asked < 999_990; asked += 997) expect(raw.at(asked)).toBe(asked);
    expect(raw.at(850_000)).toBeNull();
  });

  it('calls a sample late when it can no longer be told from a duplicate', () => {
    fc.assert(
      fc.property(times(1_200), (input) => {
        const raw = new RawSamples(RETAIN_MS);
        const naive = new Naive();
        for (const [index, t] of input.entries()) {
          expect(raw.fateOf(t, index)).toBe(naive.fate(t, index));
          if (naive.fate(t, index) !== 'accepted') continue;
          raw.add(t, index);
          naive.add(t, index);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('bridges no hole that lies between the thinned and the recent samples', () => {
    const raw = new RawSamples(RETAIN_MS);
    for (let i = 0; i < 100; i++) raw.add(i * 10, i);
    for (let i = 0; i < RECENT_SAMPLES; i++) raw.add(2_000 + i * 10, i);
    expect(raw.completeAfterMs).toBe(990);
    expect(raw.at(1_500)).toBeNull();
    expect(raw.at(2_005)).toBe(0.5);
  });

  it('lets a sample go at once that is older than a full recent part, and still counts it as seen', () => {
    const raw = new RawSamples(RETAIN_MS);
    for (let i = 0; i <= RECENT_SAMPLES; i++) raw.add(i * 10, i);
    expect(raw.completeAfterMs).toBe(0);
    expect(raw.fateOf(5, 1)).toBe('accepted');
    raw.add(5, 1);
    expect(raw.completeAfterMs).toBe(5);
    expect(raw.fateOf(3, 1)).toBe('late');
    expect(raw.fateOf(7, 1)).toBe('accepted');
    expect(raw.fateOf(10, 1)).toBe('duplicate');
  });

  it('keeps nothing before the start of a new life', () => {
    const raw = new RawSamples(RETAIN_MS);
    for (let t = 0; t < 20_000; t += 10) raw.add(t, t);
    raw.dropBefore(19_000);
    expect(raw.at(18_995)).toBeNull();
    expect(raw.at(19_005)).toBe(19_005);
    raw.dropBefore(30_000);
    expect(raw.isEmpty).toBe(true);
    expect(raw.fateOf(14_000, 1)).toBe('late');
    expect(raw.fateOf(16_000, 1)).toBe('accepted');
    expect(raw.at(19_005)).toBeNull();
    expect(raw.intervalMs()).toBeNaN();
  });
});
