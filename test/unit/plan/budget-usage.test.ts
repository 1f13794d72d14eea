// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Budget } from '../../../src/api/safety.ts';
import { budgetUsage, highestBudgetUsage } from '../../../src/plan/budget-usage.ts';
import { HOUR, MINUTE, NOW, recordAged } from './valid-input.ts';

const budget: Budget = { name: 'b', max: 2, window: '1h', scope: 'Namespace' };
const SCOPE = { policyUid: 'policy-1', workloadUid: 'workload-1' };

describe('budgetUsage', () => {
  it('says when there is room again: when enough of the oldest have left the window', () => {
    const records = [50, 40, 10].map((minutes) => recordAged(minutes * MINUTE));
    expect(budgetUsage(budget, records, SCOPE, NOW)).toEqual({
      name: 'b',
      used: 3,
      max: 2,
      resetsAtMs: NOW + 20 * MINUTE,
    });
  });

  it('has no such time while there is room', () => {
    expect(budgetUsage(budget, [recordAged(0)], SCOPE, NOW).resetsAtMs).toBeNull();
  });

  it('has no such time while it depends on an action that is open', () => {
    const open = recordAged(HOUR, { open: true, actedAtMs: null });
    expect(budgetUsage({ ...budget, max: 1 }, [open], SCOPE, NOW)).toMatchObject({
      used: 1,
      resetsAtMs: null,
    });
  });

  it('has no such time when the budget is zero', () => {
    expect(budgetUsage({ ...budget, max: 0 }, [], SCOPE, NOW)).toEqual({
      name: 'b',
      used: 0,
      max: 0,
      resetsAtMs: null,
    });
  });

  it('has room exactly from the time on that it says', () => {
    const ages = fc.array(fc.integer({ min: 0, max: 59 }), { minLength: 2, maxLength: 9 });
    fc.assert(
      fc.property(ages, fc.integer({ min: 1, max: 4 }), (minutes, max) => {
        const records = minutes.map((each) => recordAged(each * MINUTE));
        const usage = (nowMs: number) => budgetUsage({ ...budget, max }, records, SCOPE, nowMs);
        const { resetsAtMs } = usage(NOW);
        if (resetsAtMs === null) {
          expect(usage(NOW).used).toBeLessThan(max);
          return;
        }
        expect(usage(resetsAtMs).used).toBeLessThan(max);
        expect(usage(resetsAtMs - 1).used).toBeGreaterThanOrEqual(max);
      }),
    );
  });
});

describe('highestBudgetUsage', () => {
  const records = [
    recordAged(MINUTE, { workloadUid: 'a' }),
    recordAged(2 * MINUTE, { workloadUid: 'b' }),
    recordAged(3 * MINUTE, { workloadUid: 'b', policyUid: 'policy-2' }),
  ];
  it.each([
    ['Workload', 2],
    ['Policy', 2],
    ['Namespace', 3],
  ] as const)('tells how far a budget of scope %s is used', (scope, used) => {
    expect(highestBudgetUsage({ ...budget, scope }, records, 'policy-1', NOW).used).toBe(used);
  });

  it('is zero without records', () => {
    const usage = highestBudgetUsage({ ...budget, scope: 'Workload' }, [], 'policy-1', NOW);
    expect(usage.used).toBe(0);
  });
});
