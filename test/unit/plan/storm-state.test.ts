// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { isStorm, nextStorm } from '../../../src/plan/storm-state.ts';

describe('isStorm', () => {
  it('is on above the limit only', () => {
    expect(isStorm({ total: 10, healthy: 6 }, '40%')).toBe(false);
    expect(isStorm({ total: 10, healthy: 5 }, '40%')).toBe(true);
  });
});

describe('nextStorm', () => {
  it('tells the story of two storms', () => {
    const calm = nextStorm(null, false, 1);
    expect(calm).toBeNull();
    const begun = nextStorm(calm, true, 2);
    expect(begun).toEqual({ sinceMs: 2, endedAtMs: null });
    const lasting = nextStorm(begun, true, 3);
    expect(lasting).toEqual({ sinceMs: 2, endedAtMs: null });
    const ended = nextStorm(lasting, false, 4);
    expect(ended).toEqual({ sinceMs: 2, endedAtMs: 4 });
    expect(nextStorm(ended, false, 5)).toEqual(ended);
    expect(nextStorm(ended, true, 6)).toEqual({ sinceMs: 6, endedAtMs: null });
  });

  it('neither begins nor ends while nothing is known', () => {
    expect(nextStorm(null, null, 1)).toBeNull();
    const lasting = { sinceMs: 2, endedAtMs: null };
    expect(nextStorm(lasting, null, 3)).toEqual(lasting);
  });
});
