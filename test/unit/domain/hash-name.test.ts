// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashName } from '../../../src/domain/hash-name.ts';

const part = fc.oneof(fc.string(), fc.integer(), fc.boolean());

describe('hashName', () => {
  it('is a DNS label of at most 63 characters, whatever goes in', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 80 }),
        fc.array(part),
        (prefix, parts) => {
          const name = hashName(prefix, parts);
          expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
          expect(name.length).toBeLessThanOrEqual(63);
        },
      ),
    );
  });

  it('writes an API name in kebab form', () => {
    expect(hashName('MemoryLeak', ['a'])).toMatch(/^memory-leak-[a-z2-7]{20}$/);
  });

  it('differs whenever a part differs, or the border between two parts', () => {
    fc.assert(
      fc.property(fc.array(part), fc.array(part), (a, b) => {
        expect(hashName('x', a) === hashName('x', b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    expect(hashName('x', ['ab', 'c'])).not.toBe(hashName('x', ['a', 'bc']));
    expect(hashName('x', ['1'])).not.toBe(hashName('x', [1]));
  });

  it('carries the first 100 bits of the hash in base32', () => {
    const digest = createHash('sha256').update('["a",1]').digest();
    const bits = [...digest].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const expected = Array.from(
      { length: 20 },
      (_, i) =>
        'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(bits.slice(5 * i, 5 * i + 5), 2)],
    ).join('');
    expect(hashName('x', ['a', 1])).toBe(`x-${expected}`);
  });
});
