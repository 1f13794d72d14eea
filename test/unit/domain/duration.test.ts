// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs, humanDuration } from '../../../src/domain/duration.ts';

describe('durationMs', () => {
  it.each([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['400ms', 400],
    ['1.5m', 90_000],
    ['1m1ms', 60_001],
  ])('reads %s', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(['', '5', '5 m', '-1s', '1d', 's', '1s ', `${'1s'.repeat(20)}`])('refuses %j', (text) => {
    expect(() => durationMs(text)).toThrow(RangeError);
  });

  it('adds up its parts', () => {
    const part = fc.tuple(fc.nat(999), fc.constantFrom('ms', 's', 'm', 'h'));
    fc.assert(
      fc.property(part, part, ([a, unitA], [b, unitB]) => {
        const sum = durationMs(`${a}${unitA}`) + durationMs(`${b}${unitB}`);
        expect(durationMs(`${a}${unitA}${b}${unitB}`)).toBe(sum);
      }),
    );
  });
});

describe('humanDuration', () => {
  it.each([
    [400, '400ms'],
    [90_000, '90s'],
    [600_000, '10m'],
    [7_500_000, '2h 5m'],
    [Number.POSITIVE_INFINITY, 'never'],
  ])('writes %d ms', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });
});
