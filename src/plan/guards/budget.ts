// SPDX-License-Identifier: Apache-2.0
import { humanDuration } from '../../domain/duration.ts';
import { PASS, type Verdict } from '../../domain/verdict.ts';
import { budgetUsage } from '../budget-usage.ts';
import type { Guard } from '../guard.ts';
import { judgingRecords } from '../judging-records.ts';
import { withFacts } from '../required-facts.ts';

const refuse = (message: string): Verdict => ({
  kind: 'Refuse',
  reason: 'BudgetExhausted',
  message,
});

/** Refuses when the policy has enough actions under way, or any budget is used up. */
export const budget: Guard<'budget'> = {
  id: 'budget',
  title: 'Is there room in every budget, and below the number of actions at a time?',
  check: (input) =>
    withFacts({ policy: input.policy, records: input.records }, ({ policy, records }) => {
      const { maxConcurrent, budgets } = policy.spec.safety;
      const { uid: policyUid, namespace, name } = policy.metadata;
      const judging = judgingRecords(input, records);
      const open = judging.filter((record) => record.open && record.policyUid === policyUid).length;
      if (open >= maxConcurrent) {
        return refuse(
          `${open} actions of HealingPolicy ${namespace}/${name} are under way, \`spec.safety.maxConcurrent\` is ${maxConcurrent}`,
        );
      }
      const scope = { policyUid, workloadUid: input.plan.target.workload.uid };
      for (const limit of budgets) {
        const { used, max, resetsAtMs } = budgetUsage(limit, judging, scope, input.nowMs);
        if (used >= max) {
          const resets =
            resetsAtMs === null ? '' : `; room again in ${humanDuration(resetsAtMs - input.nowMs)}`;
          return refuse(
            `budget ${limit.name} (scope ${limit.scope}) has used ${used} of ${max} within ${limit.window}${resets}`,
          );
        }
      }
      return PASS;
    }),
};
