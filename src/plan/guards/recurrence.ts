// SPDX-License-Identifier: Apache-2.0
import { PASS } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { planGeneration } from '../lineage.ts';
import { podText, workloadText } from '../object-names.ts';
import { withFacts } from '../required-facts.ts';

/** Refuses what keeps coming back: acting again hides the fault instead of curing it. */
export const recurrence: Guard<'recurrence'> = {
  id: 'recurrence',
  title: 'Has the same trouble not come back through too many replacements?',
  check: (input) =>
    withFacts(
      { policy: input.policy, target: input.target, records: input.records },
      ({ policy, target, records }) => {
        const { plan } = input;
        if (target === null) return { kind: 'Unknown', missing: podText(plan.target.pod) };
        const { max, window } = policy.spec.safety.recurrence;
        const generation = planGeneration(input, { policy, target, records });
        if (generation <= max) return PASS;
        const message = `container ${plan.target.container} of ${workloadText(plan.target.workload)} came back with ${plan.diagnosis.cause} through ${generation - 1} replacements within ${window}: this would be ${plan.step.action} number ${generation} in a row, \`spec.safety.recurrence.max\` is ${max}`;
        return { kind: 'Refuse', reason: 'Recurrence', message };
      },
    ),
};
