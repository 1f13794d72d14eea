// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareResourceVersions,
  isOlder,
  newerResourceVersion,
} from '../../../src/kube/resource-version.ts';

const big = fc.bigInt({ min: 0n, max: 2n ** 80n });

describe('compareResourceVersions', () => {
  it('orders decimal versions as numbers, also beyond 2^53', () => {
    fc.assert(
      fc.property(big, big, (a, b) => {
        const order = compareResourceVersions(String(a), String(b));
        expect(Math.sign(order ?? Number.NaN)).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  it.each([
    ['9007199254740993', '9007199254740992', 1],
    ['10', '9', 1],
    ['', '5', null],
    ['abc', '5', null],
    ['007', '8', null],
    ['-1', '8', null],
    ['abc', 'abc', 0],
  ])('compares %j with %j as %j', (a, b, order) => {
    expect(compareResourceVersions(a, b)).toBe(order);
  });
});

describe('newerResourceVersion', () => {
  it('never goes back, and keeps what it has when the next one is empty', () => {
    fc.assert(
      fc.property(fc.array(big), (versions) => {
        const seen = versions.map(String);
        const newest = seen.reduce(newerResourceVersion, '');
        expect(seen.every((each) => !isOlder(newest, each))).toBe(true);
      }),
    );
    expect(newerResourceVersion('7', '')).toBe('7');
  });
});
