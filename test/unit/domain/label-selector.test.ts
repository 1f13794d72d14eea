// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type Selector, selectorMatches } from '../../../src/domain/label-selector.ts';

const labels = { app: 'web', tier: 'front' };

const rows: readonly [string, Selector, boolean][] = [
  ['an empty selector', {}, true],
  ['an equal label', { matchLabels: { app: 'web' } }, true],
  ['another value', { matchLabels: { app: 'db' } }, false],
  ['an absent label', { matchLabels: { zone: 'a' } }, false],
  ['a label named like an object property', { matchLabels: { constructor: 'x' } }, false],
  [
    'In with the value',
    { matchExpressions: [{ key: 'app', operator: 'In', values: ['db', 'web'] }] },
    true,
  ],
  [
    'In without the value',
    { matchExpressions: [{ key: 'app', operator: 'In', values: ['db'] }] },
    false,
  ],
  [
    'In of an absent key',
    { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
    false,
  ],
  [
    'NotIn of an absent key',
    { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] },
    true,
  ],
  [
    'NotIn with the value',
    { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] },
    false,
  ],
  ['Exists', { matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, true],
  ['DoesNotExist', { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, false],
  [
    'both parts, one wrong',
    { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
    false,
  ],
];

describe('selectorMatches', () => {
  it.each(rows)('judges %s', (_, selector, expected) => {
    expect(selectorMatches(selector, labels)).toBe(expected);
  });
});
