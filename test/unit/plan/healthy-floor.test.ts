// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { healthyFloor, isAbove } from '../../../src/plan/healthy-floor.ts';

const percent = fc.integer({ min: 0, max: 100 });
const replicas = fc.integer({ min: 0, max: 5_000 });

describe('healthyFloor', () => {
  it.each([
    ['51%', 1, 1],
    ['51%', 2, 2],
    ['51%', 3, 2],
    ['50%', 4, 2],
    ['50%', 5, 3],
    ['0%', 5, 0],
    ['100%', 5, 5],
    [2, 5, 2],
    ['2', 5, 2],
  ] as const)('of %s and %i desired is %i', (limit, desired, floor) => {
    expect(healthyFloor(limit, desired)).toBe(floor);
  });

  it('is the smallest count that is at least the percentage', () => {
    fc.assert(
      fc.property(percent, replicas, (share, desired) => {
        const floor = healthyFloor(`${share}%`, desired);
        expect(floor * 100).toBeGreaterThanOrEqual(share * desired);
        expect((floor - 1) * 100).toBeLessThan(share * desired || 1);
      }),
    );
  });

  it('cannot be reached when the limit is neither a count nor a percentage', () => {
    expect(1e9 >= healthyFloor('many', 3)).toBe(false);
  });
});

describe('isAbove', () => {
  it('compares a percentage without rounding, a count as it is', () => {
    fc.assert(
      fc.property(percent, replicas, replicas, (share, part, rest) => {
        const total = part + rest;
        expect(isAbove(part, total, `${share}%`)).toBe(BigInt(part) * 100n > BigInt(share * total));
        expect(isAbove(part, total, share)).toBe(part > share);
      }),
    );
  });

  it('is true of anything when the limit is neither', () => {
    expect(isAbove(1, 100, 'many')).toBe(true);
  });
});
