// SPDX-License-Identifier: Apache-2.0
import type { HealingPolicy, Mode } from '../../api/healing-policy.ts';
import { FREEZE, isMarked, type Marks } from '../../domain/marks.ts';
import { PASS } from '../../domain/verdict.ts';
import { effectiveMode } from '../effective-mode.ts';
import type { Guard, GuardInput } from '../guard.ts';
import { withFacts } from '../required-facts.ts';

interface Brakes {
  readonly policy: HealingPolicy;
  readonly namespace: { readonly name: string; readonly annotations: Marks };
}

/** Modes in which a plan of this kind may go on. */
const permits = (mode: Mode, live: boolean): boolean =>
  mode === 'Auto' || (mode === 'DryRun' && !live);

const policyIsGone = ({ plan }: GuardInput, { policy }: Brakes): string | null => {
  const name = `HealingPolicy ${policy.metadata.namespace}/${policy.metadata.name}`;
  if (policy.metadata.uid !== plan.policyUid) {
    return `${name} was deleted and made anew since this was planned`;
  }
  return policy.metadata.deletionTimestamp === undefined ? null : `${name} is being deleted`;
};

const policyIsSuspended = (_: GuardInput, { policy: { metadata, spec } }: Brakes): string | null =>
  spec.suspend
    ? `\`spec.suspend\` of HealingPolicy ${metadata.namespace}/${metadata.name} is true`
    : null;

const policyHasPauseRequests = (
  _: GuardInput,
  { policy: { metadata, spec } }: Brakes,
): string | null =>
  spec.pauseRequests.length > 0
    ? `\`spec.pauseRequests\` of HealingPolicy ${metadata.namespace}/${metadata.name} holds ${spec.pauseRequests.join(', ')}`
    : null;

const namespaceIsFrozen = (_: GuardInput, { namespace }: Brakes): string | null =>
  isMarked(namespace.annotations, FREEZE)
    ? `namespace ${namespace.name} carries the annotation \`${FREEZE}\``
    : null;

/** Mode routes a plan when it is made; a plan on the way must not outlive a lowered mode. */
const modeWasLowered = (input: GuardInput, { policy, namespace }: Brakes): string | null => {
  const mode = effectiveMode({
    specMode: policy.spec.mode,
    operatorMaxMode: input.operatorMaxMode,
    namespaceAnnotations: namespace.annotations,
  });
  if (permits(mode, input.plan.live)) return null;
  return `the mode in force is ${mode}, the plan was made for ${input.plan.live ? 'Auto' : 'DryRun'}`;
};

const CHECKS = [
  policyIsGone,
  policyIsSuspended,
  policyHasPauseRequests,
  namespaceIsFrozen,
  modeWasLowered,
] as const;

/** Refuses while somebody asked that nothing new be done. */
export const notPaused: Guard<'notPaused'> = {
  id: 'notPaused',
  title: 'Has nobody suspended the policy, paused it, frozen its namespace or lowered its mode?',
  check: (input) =>
    withFacts({ policy: input.policy, namespace: input.namespace }, (known) => {
      for (const check of CHECKS) {
        const message = check(input, known);
        if (message !== null) return { kind: 'Refuse', reason: 'Paused', message };
      }
      return PASS;
    }),
};
