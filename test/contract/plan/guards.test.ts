// SPDX-License-Identifier: Apache-2.0
// What every registered guard must do, whichever it is.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unknown } from '../../../src/domain/fact.ts';
import type { GuardInput } from '../../../src/plan/guard.ts';
import { guards } from '../../../src/plan/guards/index.ts';
import { deepFreeze, randomInput } from '../../unit/plan/random-input.ts';
import { FACTS, valid } from '../../unit/plan/valid-input.ts';

const kebab = (id: string): string =>
  id.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const UNIT = join(import.meta.dirname, '../../unit/plan/guards');
const knowingNothing = Object.fromEntries(
  FACTS.map((name) => [name, unknown(`${name} could not be read`)]),
) as Partial<GuardInput>;

describe('guards', () => {
  it('have unique ids', () => {
    const ids = guards.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe.each(guards)('$id', (guard) => {
  it('has a test of its own and a line for the docs that asks', () => {
    expect(existsSync(join(UNIT, `${kebab(guard.id)}.test.ts`))).toBe(true);
    expect(guard.title).toMatch(/^[A-Z].*\?$/);
  });

  it('never throws, never changes its input and always says the same', () => {
    fc.assert(
      fc.property(randomInput, (input) => {
        deepFreeze(input);
        expect(guard.check(input)).toEqual(guard.check(input));
      }),
      { numRuns: 300 },
    );
  });

  it('does not pass when nothing is known, and says so in words', () => {
    const verdict = guard.check({ ...valid, ...knowingNothing });
    // `fresh` judges the evidence alone, which is not read but carried.
    if (guard.id === 'fresh') return;
    expect(verdict).toMatchObject({
      kind: 'Unknown',
      missing: expect.stringMatching(/could not be read/),
    });
  });
});
