// SPDX-License-Identifier: Apache-2.0
import { durationMs, humanDuration } from '../../domain/duration.ts';
import { PASS, type Verdict } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { withFacts } from '../required-facts.ts';
import { isStorm, type Population } from '../storm-state.ts';

const refuse = (message: string): Verdict => ({ kind: 'Refuse', reason: 'StormActive', message });

/** The target is one of the population, so an empty one was not read properly. */
const isPlausible = ({ total, healthy }: Population): boolean =>
  Number.isInteger(total) &&
  Number.isInteger(healthy) &&
  total > 0 &&
  healthy >= 0 &&
  healthy <= total;

/** Refuses while so many pods are unhealthy that healing one by one would add to the trouble. */
export const noStorm: Guard<'noStorm'> = {
  id: 'noStorm',
  title: 'Are few enough pods unhealthy, and is the last storm long enough over?',
  check: ({ nowMs, policy, population, stormEndedAtMs }) =>
    withFacts({ policy, population, stormEndedAtMs }, (known) => {
      const { total, healthy } = known.population;
      if (!isPlausible(known.population)) {
        return { kind: 'Unknown', missing: `health of the policy's pods (${healthy} of ${total})` };
      }
      const { unhealthyAbove, cooldown } = known.policy.spec.safety.storm;
      if (isStorm(known.population, unhealthyAbove)) {
        return refuse(
          `${total - healthy} of ${total} pods of the policy's targets are unhealthy, \`spec.safety.storm.unhealthyAbove\` is ${unhealthyAbove}`,
        );
      }
      if (known.stormEndedAtMs === null) return PASS;
      const calmMs = nowMs - known.stormEndedAtMs;
      if (calmMs >= durationMs(cooldown)) return PASS;
      return refuse(
        `the last storm ended ${humanDuration(Math.max(0, calmMs))} ago, \`spec.safety.storm.cooldown\` is ${cooldown}`,
      );
    }),
};
