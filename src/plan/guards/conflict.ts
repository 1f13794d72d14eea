// SPDX-License-Identifier: Apache-2.0
import { PASS } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { workloadText } from '../object-names.ts';
import { withFacts } from '../required-facts.ts';

/** Refuses when another policy has an equal or better claim to the workload. */
export const conflict: Guard<'conflict'> = {
  id: 'conflict',
  title: 'Does no other policy of the same or a higher priority target the workload?',
  check: ({ plan, policy, rivals }) =>
    withFacts({ policy, rivals }, (known) => {
      const { priority } = known.policy.spec;
      const stronger = known.rivals.filter(
        (rival) => rival.uid !== known.policy.metadata.uid && !(rival.priority < priority),
      );
      if (stronger.length === 0) return PASS;
      const names = stronger.map((rival) => `${rival.name} (${rival.priority})`).join(', ');
      const message = `${workloadText(plan.target.workload)} is also a target of ${names}, \`spec.priority\` here is ${priority}: only the highest acts, and of equals none`;
      return { kind: 'Refuse', reason: 'Conflict', message };
    }),
};
