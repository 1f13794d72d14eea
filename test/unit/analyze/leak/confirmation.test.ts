// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Confirmations } from '../../../../src/analyze/leak/confirmation.ts';

describe('Confirmations', () => {
  it('adds one for each analysis that passes and takes one off for each that does not', () => {
    const counter = new Confirmations();
    const passes = [true, true, false, true, true, true, true, true, false];
    expect(passes.map((pass, i) => counter.count('a', pass, 2 * i))).toEqual([
      1, 2, 1, 2, 3, 4, 4, 4, 3,
    ]);
  });

  it('counts the same data once, however often it is asked', () => {
    const counter = new Confirmations();
    expect([10, 10, 11, 12].map((end) => counter.count('a', true, end))).toEqual([1, 1, 1, 2]);
  });

  it('keeps lives apart and forgets those that are gone', () => {
    const counter = new Confirmations();
    counter.count('a', true, 0);
    counter.count('b', true, 0);
    counter.keepOnly(new Set(['b']));
    expect(counter.count('a', true, 2)).toBe(1);
    expect(counter.count('b', true, 2)).toBe(2);
  });

  it('never goes below zero', () => {
    const counter = new Confirmations();
    for (let end = 0; end < 20; end += 2) counter.count('a', false, end);
    expect(counter.count('a', true, 20)).toBe(1);
  });
});
