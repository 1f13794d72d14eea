// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesAt,
  LEAK,
  SAMPLE_MS,
  type ShopPod,
  sampleTimes,
} from '../../../rig/leaky-shop/leak.ts';

const POD: ShopPod = {
  namespace: 'shop',
  name: 'web-1',
  uid: 'uid-1',
  workload: 'web',
  startedAtMs: 1_000_000,
  isReady: true,
};
const NOISE = 0.3 * 2 ** 20;

describe('bytesAt', () => {
  it('says the same to whoever asks, and rises by the leak alone', () => {
    fc.assert(
      fc.property(fc.nat({ max: 600_000 }), (age) => {
        const timeMs = POD.startedAtMs + age;
        const leaking = bytesAt(POD, true, timeMs);
        expect(bytesAt(POD, true, timeMs)).toBe(leaking);
        const expected = LEAK.baseBytes + (LEAK.bytesPerSecond * age) / 1000;
        expect(Math.abs(leaking - expected)).toBeLessThanOrEqual(NOISE + 1);
        expect(Math.abs(bytesAt(POD, false, timeMs) - LEAK.baseBytes)).toBeLessThanOrEqual(
          NOISE + 1,
        );
      }),
    );
  });

  it('draws noise to both sides', () => {
    const values = sampleTimes(1_000_000, 1_100_000).map((timeMs) => bytesAt(POD, false, timeMs));
    const above = values.filter((value) => value > LEAK.baseBytes).length / values.length;
    expect(above).toBeGreaterThan(0.3);
    expect(above).toBeLessThan(0.7);
  });
});

describe('sampleTimes', () => {
  it('lists every time of the grid in the range, and no other', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.nat({ max: 10_000 }), (fromMs, toMs) => {
        const times = sampleTimes(fromMs, toMs);
        const all = Array.from({ length: 30 }, (_, index) => index * SAMPLE_MS);
        expect(times).toEqual(all.filter((time) => time >= fromMs && time <= toMs));
      }),
    );
  });
});
