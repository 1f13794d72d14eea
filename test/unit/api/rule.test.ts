// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { atomicList, immutable, listBy, mapOf, ruled, setOf } from '../../../src/api/rule.ts';

const even = { cel: 'self % 2 == 0', holds: (n: number) => n % 2 === 0, message: 'must be even' };
const small = { cel: 'self < 9', holds: (n: number) => n < 9, message: 'must be small' };
const rulesOf = (schema: z.ZodType) => schema.meta()?.['x-kubernetes-validations'];

describe('ruled', () => {
  it('says each rule in both languages with the same sentence', () => {
    const schema = ruled(z.int32(), even, small);
    expect(rulesOf(schema)).toEqual([
      { rule: 'self % 2 == 0', message: 'must be even' },
      { rule: 'self < 9', message: 'must be small' },
    ]);
    const { error } = schema.safeParse(11);
    expect(error?.issues.map(({ message }) => message)).toEqual(['must be even', 'must be small']);
    expect(schema.safeParse(8).success).toBe(true);
  });

  it('keeps the rules that are there, and other metadata', () => {
    const schema = ruled(ruled(z.int32().describe('N.'), even), small);
    expect(rulesOf(schema)).toHaveLength(2);
    expect(schema.description).toBe('N.');
    expect(schema.safeParse(3).success).toBe(false);
  });
});

describe('immutable', () => {
  it('is a rule about a change, which zod cannot see', () => {
    const schema = immutable(z.object({}));
    expect(rulesOf(schema)).toMatchObject([{ rule: 'self == oldSelf' }]);
    expect(schema.safeParse({}).success).toBe(true);
  });
});

describe('bounded lists and maps', () => {
  const named = z.object({ name: z.string() });
  it.each([
    ['a set holds a value twice', setOf(z.string(), { max: 3 }), ['a', 'b'], ['a', 'a']],
    ['a set is too long', setOf(z.string(), { max: 1 }), ['a'], ['a', 'b']],
    ['a set is too short', setOf(z.string(), { min: 1, max: 1 }), ['a'], []],
    [
      'a list by name holds a name twice',
      listBy('name', named, { max: 3 }),
      [{ name: 'a' }, { name: 'b' }],
      [{ name: 'a' }, { name: 'a' }],
    ],
    ['an atomic list is too long', atomicList(z.string(), { max: 2 }), ['a', 'a'], ['a', 'b', 'c']],
    [
      'a map has too many entries',
      mapOf(z.string(), z.string(), 1),
      { a: '1' },
      { a: '1', b: '2' },
    ],
  ] as const)('refuse what the API server refuses: %s', (_, schema, good, bad) => {
    expect(schema.safeParse(good).success).toBe(true);
    expect(schema.safeParse(bad).success).toBe(false);
  });
});
