// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestRing } from '../../../src/knowledge/bucket-ring.ts';

const STEP = 2_000;
const START = 1_000 * STEP;
const open = (): RequestRing => new RequestRing({ resolutionMs: STEP, windowBuckets: 64 });
const counts = (ring: RequestRing): readonly number[] => [...(ring.series(64)?.count ?? [])];
const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

describe('RequestRing', () => {
  it('puts an increment into its own bucket when nothing is known before it', () => {
    const ring = open();
    ring.add(START + 100, 12);
    expect(counts(ring)).toEqual([12]);
  });

  it('spreads an increment evenly over the time since the report before it', () => {
    const ring = open();
    ring.add(START + 1_000, 10);
    ring.add(START + 5_000, 40, START + 1_000);
    // 1 s of the first bucket, 2 s of the second, 1 s of the third, at ten a second.
    expect(counts(ring)).toEqual([20, 20, 10]);
  });

  it('shows an even load as even, however late a reader comes', () => {
    const lateness = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(lateness, (late) => {
        const ring = open();
        let before = START;
        late.forEach((ms, index) => {
          const now = START + (index + 1) * 800 + ms;
          if (now <= before) return;
          ring.add(now, (now - before) / 100, before);
          before = now;
        });
        const complete = counts(ring).slice(0, -1);
        for (const count of complete) expect(count).toBeCloseTo(STEP / 100, 6);
      }),
    );
  });

  it('loses and invents no request', () => {
    const reports = fc.array(
      fc.record({
        ms: fc.integer({ min: 1, max: 40_000 }),
        count: fc.integer({ min: 0, max: 999 }),
      }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(reports, (all) => {
        const ring = open();
        let before: number | null = null;
        let now = START;
        for (const { ms, count } of all) {
          now += ms;
          ring.add(now, count, before);
          before = now;
        }
        const held = sum(counts(ring));
        const whole = sum(all.map(({ count }) => count));
        // What lies behind the window is gone with it.
        if (now - START <= 60 * STEP) expect(held).toBeCloseTo(whole, 6);
        else expect(held).toBeLessThanOrEqual(whole + 1e-6);
      }),
    );
  });

  it('takes a late report as it is', () => {
    const ring = open();
    ring.add(START + 5_000, 4, null);
    ring.add(START + 4_500, 3, START + 5_000);
    expect(counts(ring)).toEqual([7]);
  });
});
