// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseQuantity } from '../../../src/domain/quantity-text.ts';

describe('parseQuantity', () => {
  it.each([
    ['0', 0],
    ['128974848', 128974848],
    ['129e6', 129e6],
    ['129M', 129e6],
    ['123Mi', 123 * 2 ** 20],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['100m', 0.1],
    ['1E', 1e18],
    ['.5k', 500],
    ['-2Ki', -2048],
  ])('reads %s', (text, value) => {
    expect(parseQuantity(text)).toBeCloseTo(value, 6);
  });

  it.each(['', 'Mi', '1 Mi', '1mi', '1e', '0x10', 'NaN', 'Infinity', '1e999'])(
    'refuses %j',
    (text) => {
      expect(parseQuantity(text)).toBeNull();
    },
  );
});
