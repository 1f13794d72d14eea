// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import type { BlockReason } from '../../../../src/domain/verdict.ts';
import type { Guard, GuardInput } from '../../../../src/plan/guard.ts';
import { type FACTS, missing, valid } from '../valid-input.ts';

/** One row: what is changed, and what the guard must say. */
export interface Row {
  readonly when: string;
  readonly input: GuardInput;
  /** `Pass`, or the reason of the refusal and what its message must name; `Unknown` and what is missing. */
  readonly says: 'Pass' | readonly [BlockReason | 'Unknown', ...(string | RegExp)[]];
}

const expectRow = (guard: Guard, { input, says }: Row): void => {
  const verdict = guard.check(input);
  if (says === 'Pass') {
    expect(verdict).toEqual({ kind: 'Pass' });
    return;
  }
  const [reason, ...names] = says;
  const text =
    verdict.kind === 'Pass' ? '' : verdict.kind === 'Refuse' ? verdict.message : verdict.missing;
  expect(verdict.kind === 'Refuse' ? verdict.reason : verdict.kind).toBe(reason);
  for (const name of names) expect(text).toMatch(name);
};

/** Runs the table of a guard, and that each fact it needs leads to Unknown when it is missing. */
export const itJudges = (
  guard: Guard,
  needs: readonly (typeof FACTS)[number][],
  rows: readonly Row[],
): void => {
  it('passes the complete valid input', () => {
    expect(guard.check(valid)).toEqual({ kind: 'Pass' });
  });
  for (const name of needs) {
    it(`says Unknown and why when ${name} could not be read`, () => {
      const verdict = guard.check(missing(name));
      expect(verdict).toMatchObject({ kind: 'Unknown', missing: expect.stringContaining(name) });
    });
  }
  for (const row of rows) {
    const outcome = row.says === 'Pass' ? 'passes' : `says ${row.says[0]}`;
    it(`${outcome} when ${row.when}`, () => expectRow(guard, row));
  }
};
