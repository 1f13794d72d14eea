// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SampleColumn } from '../../../src/knowledge/sample-column.ts';

const LIMIT = 20;

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ put: fc.integer({ min: -30, max: 60 }), v: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ drop: fc.nat(4) }) },
);

describe('SampleColumn', () => {
  it('holds what a sorted array of rows holds, gaps included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
        const column = new SampleColumn(LIMIT, true);
        const naive: { t: number; v: number; gap: number }[] = [];
        let t = 0;
        for (const [index, each] of steps.entries()) {
          if ('drop' in each) {
            const count = Math.min(each.drop, naive.length);
            column.dropOldest(count);
            naive.splice(0, count);
            continue;
          }
          if (column.isFull) {
            column.dropOldest(1);
            naive.shift();
          }
          t += each.put;
          const at = column.lowerBound(t);
          column.insert(at, t, each.v, index);
          const place = naive.findIndex((row) => row.t >= t);
          expect(at).toBe(place === -1 ? naive.length : place);
          naive.splice(at, 0, { t, v: each.v, gap: index });
        }
        const rows = Array.from({ length: column.length }, (_, index) => ({
          t: column.time(index),
          v: column.value(index),
          gap: column.gap(index),
        }));
        expect(rows).toEqual(naive);
      }),
    );
  });
});
