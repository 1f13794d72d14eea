// SPDX-License-Identifier: Apache-2.0
import { PASS } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { healthyFloor } from '../healthy-floor.ts';
import { workloadText } from '../object-names.ts';
import { withFacts } from '../required-facts.ts';

/** Refuses when any state that the action passes through has too few ready replicas. */
export const minHealthy: Guard<'minHealthy'> = {
  id: 'minHealthy',
  title: 'Do enough replicas stay ready in every state that the action passes through?',
  check: ({ plan, policy, predicted }) =>
    withFacts({ policy, predicted }, (known) => {
      const name = workloadText(plan.target.workload);
      if (known.predicted.length === 0) {
        return { kind: 'Unknown', missing: `the states that ${name} would pass through` };
      }
      const limit = known.policy.spec.safety.minHealthy;
      for (const { readyReplicas, desiredReplicas } of known.predicted) {
        const floor = healthyFloor(limit, desiredReplicas);
        // Written so that NaN is refused.
        if (!(readyReplicas >= floor)) {
          const message = `${name} would pass through ${readyReplicas} of ${desiredReplicas} replicas ready, \`spec.safety.minHealthy\` ${limit} demands ${floor}`;
          return { kind: 'Refuse', reason: 'MinHealthy', message };
        }
      }
      return PASS;
    }),
};
