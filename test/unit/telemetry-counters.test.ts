// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { flatCounters } from '../../src/telemetry-counters.ts';

describe('flatCounters', () => {
  it('joins names with dots and leaves out what is not known', () => {
    const nested = { a: 1, b: { c: 2, d: { e: 0 } }, gone: null, missing: undefined, text: 'x' };
    expect(flatCounters(nested)).toEqual({ a: 1, 'b.c': 2, 'b.d.e': 0 });
  });
});
