// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Calibration, type Growth } from '../../../../src/analyze/leak/calibration.ts';

/** A container that grows by 1 MiB a bucket as predicted, seen every two buckets. */
const steady = (now: number, changes: Partial<Growth> = {}): Growth => ({
  key: 'a',
  segmentStart: 0,
  now,
  level: 100 + now,
  slope: 1,
  trendAge: 40,
  time: { median: 100, lower80: 80, upper80: 125, lower95: 70, upper95: 140 },
  ...changes,
});

const feed = (growthAt: (now: number) => Growth, until = 4_000): number => {
  const calibration = new Calibration();
  let last = 0;
  for (let now = 2; now < until; now += 2) {
    last = calibration.wideningAt(now).at80;
    calibration.observe(growthAt(now));
  }
  return last;
};

describe('Calibration', () => {
  it('narrows where predictions come true and widens where they do not', () => {
    const start = new Calibration().wideningAt(0).at80;
    expect(feed((now) => steady(now))).toBeLessThan(start);
    // The floor creeps at a third of the predicted slope.
    expect(feed((now) => steady(now, { level: 100 + now / 3 }))).toBeGreaterThan(start);
  });

  it('counts a level that is never reached as a miss', () => {
    const start = new Calibration().wideningAt(0).at80;
    expect(feed((now) => steady(now, { level: 100 }))).toBeGreaterThan(start);
  });

  it('does not change within one analysis, whatever is observed in it', () => {
    const calibration = new Calibration();
    for (let now = 2; now < 60; now += 2) {
      const before = calibration.wideningAt(now);
      calibration.observe(steady(now));
      calibration.observe(steady(now));
      expect(calibration.wideningAt(now)).toEqual(before);
    }
  });

  it('never scores across lives', () => {
    const start = new Calibration().wideningAt(0).at80;
    expect(feed((now) => steady(now, { segmentStart: now, level: 1_000 - now }))).toBe(start);
  });
});
