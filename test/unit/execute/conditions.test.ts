// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HealingActionStatus, PHASES } from '../../../src/api/healing-action.ts';
import { conditionsSchema } from '../../../src/api/scalars.ts';
import { conditionsFor } from '../../../src/execute/conditions.ts';
import { record } from './records.ts';

const ADMITTED = '2026-03-01T12:00:01.000Z';
const ACTED = '2026-03-01T12:00:02.000Z';
const FINISHED = '2026-03-01T12:00:30.000Z';
const CREATED = '2026-03-01T12:00:00Z';

const summary = (status?: HealingActionStatus) =>
  conditionsFor(record(status)).map(
    ({ type, status: value, reason }) => `${type}=${value} ${reason}`,
  );

describe('conditionsFor', () => {
  it.each([
    [
      'Planned',
      undefined,
      ['Unknown Pending', 'Unknown Pending', 'Unknown Pending', 'Unknown Planned'],
    ],
    [
      'Executing',
      { phase: 'Executing', admittedAt: ADMITTED },
      ['True GuardsPassed', 'Unknown EffectInDoubt', 'Unknown Pending', 'Unknown Executing'],
    ],
    [
      'Verifying',
      { phase: 'Verifying', admittedAt: ADMITTED, actedAt: ACTED },
      ['True GuardsPassed', 'True EffectKnown', 'Unknown Verifying', 'Unknown Verifying'],
    ],
    [
      'Succeeded',
      {
        phase: 'Succeeded',
        reason: 'Effective',
        admittedAt: ADMITTED,
        actedAt: ACTED,
        finishedAt: FINISHED,
      },
      ['True GuardsPassed', 'True EffectKnown', 'True Effective', 'True Effective'],
    ],
    [
      'Failed without effect',
      { phase: 'Failed', reason: 'PDBBlocked', admittedAt: ADMITTED, finishedAt: FINISHED },
      ['True GuardsPassed', 'False PDBBlocked', 'Unknown Pending', 'False PDBBlocked'],
    ],
    [
      'Inconclusive',
      {
        phase: 'Inconclusive',
        reason: 'TooFewSamples',
        admittedAt: ADMITTED,
        actedAt: ACTED,
        finishedAt: FINISHED,
      },
      ['True GuardsPassed', 'True EffectKnown', 'Unknown TooFewSamples', 'False TooFewSamples'],
    ],
    [
      'Blocked before it was admitted',
      { phase: 'Blocked', reason: 'Paused', finishedAt: FINISHED },
      ['False Paused', 'False Paused', 'Unknown Pending', 'False Paused'],
    ],
    [
      'Simulated',
      { phase: 'Simulated', reason: 'DryRunPassed', finishedAt: FINISHED },
      ['False DryRunPassed', 'False DryRunPassed', 'Unknown Pending', 'True DryRunPassed'],
    ],
  ] as const)('derives the conditions of a record that is %s', (_, status, expected) => {
    const types = ['Admitted', 'Executed', 'Verified', 'Ready'];
    expect(summary(status)).toEqual(expected.map((text, index) => `${types[index]}=${text}`));
  });

  it('dates each condition by the time in the record that changed it', () => {
    const status = {
      phase: 'Failed',
      admittedAt: ADMITTED,
      actedAt: ACTED,
      finishedAt: FINISHED,
    } as const;
    const times = conditionsFor(record(status)).map(({ lastTransitionTime }) => lastTransitionTime);
    expect(times).toEqual([ADMITTED, ACTED, FINISHED, FINISHED]);
    expect(conditionsFor(record())[0]?.lastTransitionTime).toBe(CREATED);
  });

  it('gives what the schema takes, one of each type, for every phase', () => {
    const time = fc.option(fc.constantFrom(ADMITTED, ACTED, FINISHED), { nil: undefined });
    const statuses = fc.record({
      phase: fc.constantFrom(...PHASES),
      message: fc.string(),
      admittedAt: time,
      actedAt: time,
      finishedAt: time,
    });
    fc.assert(
      fc.property(statuses, (status) => {
        const conditions = conditionsFor(record(status as HealingActionStatus));
        expect(conditionsSchema.safeParse(conditions).success).toBe(true);
        expect(new Set(conditions.map(({ type }) => type)).size).toBe(4);
      }),
    );
  });
});
