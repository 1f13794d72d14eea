// SPDX-License-Identifier: Apache-2.0
import { durationMs, humanDuration } from '../../domain/duration.ts';
import { PASS, type Verdict } from '../../domain/verdict.ts';
import { breakerState } from '../breaker-state.ts';
import type { Guard } from '../guard.ts';
import { judgingRecords } from '../judging-records.ts';
import { withFacts } from '../required-facts.ts';

const refuse = (message: string): Verdict => ({ kind: 'Refuse', reason: 'BreakerOpen', message });

/** Refuses after too many actions of the policy that did not help. */
export const breaker: Guard<'breaker'> = {
  id: 'breaker',
  title: 'Did the recent actions of this policy help?',
  check: (input) =>
    withFacts({ policy: input.policy, records: input.records }, ({ policy, records }) => {
      const { failures, window, openFor } = policy.spec.safety.breaker;
      const own = judgingRecords(input, records).filter(
        ({ policyUid }) => policyUid === policy.metadata.uid,
      );
      const limits = { failures, windowMs: durationMs(window), openForMs: durationMs(openFor) };
      const breaker = breakerState(own, limits, input.nowMs);
      if (breaker.reopensAtMs !== null) {
        const leftMs = breaker.reopensAtMs - input.nowMs;
        return refuse(
          `${breaker.failures} actions of HealingPolicy ${policy.metadata.namespace}/${policy.metadata.name} failed or proved nothing within ${window}, \`spec.safety.breaker.failures\` is ${failures}; one is let through in ${humanDuration(leftMs)}`,
        );
      }
      if (breaker.probing) {
        return refuse('the one action that a half open breaker lets through is under way');
      }
      return PASS;
    }),
};
