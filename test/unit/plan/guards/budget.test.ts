// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import type { ActionSummary } from '../../../../src/domain/healing.ts';
import { budget } from '../../../../src/plan/guards/budget.ts';
import { HOUR, having, MINUTE, policy, recordAged, simulated } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

const many = (count: number, patch: Partial<ActionSummary> = {}) =>
  Array.from({ length: count }, (_, i) => recordAged((i + 1) * MINUTE, patch));
const following = (records: readonly ActionSummary[], safety: object = {}) =>
  having({ records, policy: policy({ safety }) });
const budgets = (...rows: readonly object[]) => ({ budgets: rows });
const open = { phase: 'Executing', open: true, actedAtMs: null, finishedAtMs: null } as const;
const foreign = { policyUid: 'policy-2', workloadUid: 'workload-2' };

describe('budget', () => {
  itJudges(
    budget,
    ['policy', 'records'],
    [
      { when: 'four of five are used', input: following(many(4)), says: 'Pass' },
      {
        when: 'five of five are used',
        input: following(many(5)),
        says: ['BudgetExhausted', 'budget default', '5 of 5', '1h', 'room again in 55m'],
      },
      {
        when: 'the oldest has just left the window',
        input: following([...many(4), recordAged(HOUR)]),
        says: 'Pass',
      },
      {
        when: 'the window is longer',
        input: following(
          [...many(4), recordAged(HOUR)],
          budgets({ name: 'x', max: 5, window: '2h', scope: 'Namespace' }),
        ),
        says: ['BudgetExhausted', 'budget x'],
      },
      {
        when: 'other policies used the budget of the namespace',
        input: following(many(5, foreign)),
        says: ['BudgetExhausted'],
      },
      {
        when: 'other policies used what counts for this policy',
        input: following(many(5, foreign), budgets({ name: 'x', max: 1, scope: 'Policy' })),
        says: 'Pass',
      },
      {
        when: 'this policy used its own',
        input: following(
          many(1, { workloadUid: 'workload-2' }),
          budgets({ name: 'x', max: 1, scope: 'Policy' }),
        ),
        says: ['BudgetExhausted', 'scope Policy'],
      },
      {
        when: 'another workload used what counts for this workload',
        input: following(
          many(5, { workloadUid: 'workload-2' }),
          budgets({ name: 'x', max: 1, scope: 'Workload' }),
        ),
        says: 'Pass',
      },
      {
        when: 'another policy used what counts for this workload',
        input: following(
          many(1, { policyUid: 'policy-2' }),
          budgets({ name: 'x', max: 1, scope: 'Workload' }),
        ),
        says: ['BudgetExhausted', 'scope Workload'],
      },
      {
        when: 'the second of two budgets is used up',
        input: following(
          many(2),
          budgets(
            { name: 'wide', max: 9, scope: 'Namespace' },
            { name: 'tight', max: 2, scope: 'Workload' },
          ),
        ),
        says: ['BudgetExhausted', 'budget tight'],
      },
      {
        when: 'a budget is zero',
        input: following([], budgets({ name: 'never', max: 0, scope: 'Policy' })),
        says: ['BudgetExhausted', '0 of 0'],
      },
      {
        when: 'those blocked before acting are not charged',
        input: following(many(9, { actedAtMs: null, phase: 'Blocked' })),
        says: 'Pass',
      },
      {
        when: 'one action of the policy is under way',
        input: following([recordAged(HOUR, open)]),
        says: ['BudgetExhausted', 'maxConcurrent', '1 actions'],
      },
      {
        when: 'two may be under way and one is',
        input: following([recordAged(HOUR, open)], { maxConcurrent: 2 }),
        says: 'Pass',
      },
      {
        when: 'another policy has one under way',
        input: following([recordAged(HOUR, { ...open, ...foreign })]),
        says: 'Pass',
      },
      {
        when: 'an old open record of another policy is charged as if it acted now',
        input: following(
          [recordAged(9 * HOUR, { ...open, ...foreign })],
          budgets({ name: 'x', max: 1, scope: 'Namespace' }),
        ),
        says: ['BudgetExhausted', '1 of 1'],
      },
      {
        when: 'the one under way is this one',
        input: {
          ...following(
            [recordAged(HOUR, { ...open, name: 'own' })],
            budgets({ name: 'x', max: 1, scope: 'Namespace' }),
          ),
          recordName: 'own',
        },
        says: 'Pass',
      },
      {
        when: 'simulations came before a live plan',
        input: following(many(9, { live: false })),
        says: 'Pass',
      },
      {
        when: 'live actions came before a simulation',
        input: simulated(following(many(9))),
        says: 'Pass',
      },
      {
        when: 'simulations came before a simulation',
        input: simulated(following(many(5, { live: false, phase: 'Simulated', actedAtMs: null }))),
        says: ['BudgetExhausted'],
      },
    ],
  );
});
