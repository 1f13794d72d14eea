// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResourceMetricsStore } from '../../../src/knowledge/resource-metrics.ts';

const everything = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

describe('ResourceMetricsStore', () => {
  it('drops a reading that repeats the former one or lies before it', () => {
    const store = new ResourceMetricsStore();
    for (const timeMs of [10, 20, 20, 15, 30]) {
      store.add([{ podUid: 'a', container: 'c', timeMs, bytes: timeMs }]);
    }
    expect(store.series('a', 'c', everything).map(({ timeMs }) => timeMs)).toEqual([10, 20, 30]);
  });

  it('keeps the first and the newest sample and stays bounded, however long it runs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), (count) => {
        const store = new ResourceMetricsStore();
        for (let i = 1; i <= count; i += 1) {
          store.add([{ podUid: 'a', container: 'c', timeMs: i, bytes: i }]);
        }
        const times = store.series('a', 'c', everything).map(({ timeMs }) => timeMs);
        expect(times.length).toBeLessThanOrEqual(720);
        expect(times[0]).toBe(1);
        expect(times.at(-1)).toBe(count);
        expect(times.toSorted((a, b) => a - b)).toEqual(times);
      }),
      { numRuns: 30 },
    );
  });

  it('forgets the pods that are gone', () => {
    const store = new ResourceMetricsStore();
    store.add([
      { podUid: 'a', container: 'c', timeMs: 1, bytes: 1 },
      { podUid: 'b', container: 'c', timeMs: 1, bytes: 1 },
    ]);
    store.retain(new Set(['b']));
    expect(store.series('a', 'c', everything)).toEqual([]);
    expect(store.series('b', 'c', everything)).toHaveLength(1);
  });
});
