// SPDX-License-Identifier: Apache-2.0
// Memory that follows a load which triples over forty buckets, with a lag of some part of a bucket.
import { describe, expect, it } from 'vitest';
import { chooseAxis } from '../../../../src/analyze/leak/load.ts';
import { seededRandom } from '../../../rig/seeded-random.ts';

const MIB = 2 ** 20;
const FIRST = 9;
const rate = (bucket: number): number => 1 + 2 * Math.min(1, Math.max(0, (bucket - 25) / 40));

/** Lengths of the window, in buckets, at which the load is not seen as the reason. */
const blindAt = (lag: number): readonly number[] => {
  const random = seededRandom(3);
  return [40, 45, 50, 55, 60, 65, 70].filter((length) => {
    const x = Float64Array.from({ length: length - FIRST }, (_, i) => i + FIRST + 0.5);
    const floor = {
      x,
      y: x.map((bucket) => (100 + 90 * rate(bucket - lag) + 0.3 * random()) * MIB),
      requests: {
        now: x.map((bucket) => 100 * rate(bucket)),
        lately: x.map((bucket) => (100 * (rate(bucket) + rate(bucket - 1) + rate(bucket - 2))) / 3),
      },
      peak: new Float64Array(x.length),
      width: 1,
      filled: x.length,
    };
    return chooseAxis(floor).load === null;
  });
};

describe('a load that triples', () => {
  it.each([0, 0.5, 1, 1.3, 1.5, 2, 2.6])(
    'is the reason of memory that follows %d buckets later',
    (lag) => {
      expect(blindAt(lag)).toEqual([]);
    },
  );

  it('is no reason any more once it is level and the memory still grows', () => {
    const random = seededRandom(5);
    const x = Float64Array.from({ length: 90 }, (_, i) => i + FIRST + 0.5);
    const now = x.map((bucket) => 100 * rate(bucket));
    const leak = (bucket: number): number => 3 * Math.max(0, bucket - 25);
    const floor = {
      x,
      y: x.map((bucket) => (100 + leak(bucket) + 0.3 * random()) * MIB),
      requests: { now, lately: now },
      peak: new Float64Array(x.length),
      width: 1,
      filled: x.length,
    };
    const { load, loadEffect, x: axis } = chooseAxis(floor);
    const trend = floor.y.map((value, i) => value - loadEffect * (load?.[i] ?? 0));
    const last = trend.length - 1;
    expect((trend[last]! - trend[last - 20]!) / (axis[last]! - axis[last - 20]!)).toBeGreaterThan(
      2 * MIB,
    );
  });
});
