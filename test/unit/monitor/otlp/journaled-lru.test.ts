// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JournaledLru } from '../../../../src/monitor/otlp/journaled-lru.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key, value: fc.nat({ max: 9 }) }),
  fc.record({ do: fc.constant('get' as const), key }),
  fc.record({ do: fc.constantFrom('commit' as const, 'rollback' as const) }),
) as fc.Arbitrary<{ do: 'set' | 'get' | 'commit' | 'rollback'; key?: string; value?: number }>;

describe('JournaledLru', () => {
  it('behaves as a plain map of which a copy is kept at each commit, while nothing is evicted', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const lru = new JournaledLru<number>(10);
        let now = new Map<string, number>();
        let committed = new Map<string, number>();
        const deeds = {
          set: (name: string, value: number) => {
            lru.set(name, value);
            now.set(name, value);
          },
          get: (name: string) => expect(lru.get(name)).toBe(now.get(name)),
          commit: () => {
            lru.commit();
            committed = new Map(now);
          },
          rollback: () => {
            lru.rollback();
            now = new Map(committed);
          },
        };
        for (const each of steps) deeds[each.do](each.key ?? '', each.value ?? 0);
        for (const name of ['a', 'b', 'c', 'd', 'e']) expect(lru.get(name)).toBe(now.get(name));
        expect(lru.size).toBe(now.size);
      }),
      { seed: 7 },
    );
  });

  it('never holds more than its cap, forgets the least recently used, and counts', () => {
    const lru = new JournaledLru<number>(4);
    for (const name of ['a', 'b', 'c', 'd']) lru.set(name, 1);
    lru.get('a');
    lru.set('e', 1);
    // `a` was used after `b`, so `b` goes first.
    expect([lru.get('b'), lru.get('a'), lru.get('e')]).toEqual([undefined, 1, 1]);
    expect(lru.evicted).toBeGreaterThan(0);
    for (let n = 0; n < 1_000; n += 1) lru.set(`flood ${n}`, n);
    expect([lru.size <= 4, lru.size + lru.evicted]).toEqual([true, 1_005]);
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const small = new JournaledLru<number>(2);
        for (const each of steps) {
          if (each.do === 'set') small.set(each.key ?? '', each.value ?? 0);
          else small[each.do](each.key ?? '');
          expect(small.size).toBeLessThanOrEqual(2);
        }
      }),
      { seed: 7 },
    );
  });
});
