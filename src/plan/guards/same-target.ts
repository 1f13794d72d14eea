// SPDX-License-Identifier: Apache-2.0
import type { HealingPolicy } from '../../api/healing-policy.ts';
import { selectingTarget } from '../../api/policy-target.ts';
import { durationMs } from '../../domain/duration.ts';
import type { Plan, PodFacts, WorkloadFacts } from '../../domain/healing.ts';
import { PASS } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { podText, workloadText } from '../object-names.ts';
import { withFacts } from '../required-facts.ts';

interface Live {
  readonly pod: PodFacts;
  readonly workload: WorkloadFacts | null;
  readonly policy: HealingPolicy;
}

const podIsAnother = ({ target }: Plan, { pod }: Live): string | null => {
  if (pod.uid === target.pod.uid) return null;
  return `${podText(target.pod)} is another pod of the same name now (uid ${pod.uid}, planned for ${target.pod.uid})`;
};

const podIsDeleting = ({ target }: Plan, { pod }: Live): string | null =>
  pod.deleting ? `${podText(target.pod)} is already being deleted` : null;

const podDoesNotRun = ({ target }: Plan, { pod }: Live): string | null =>
  pod.phase === 'Running' ? null : `${podText(target.pod)} is in phase ${pod.phase}, not Running`;

/** The controller was deleted and made anew while its pods stayed. A missing one is for `ownership`. */
const workloadIsAnother = ({ target }: Plan, { workload }: Live): string | null =>
  workload === null || workload.ref.uid === target.workload.uid
    ? null
    : `${workloadText(target.workload)} is another object of the same name now`;

/** The policy was edited since: it no longer watches this container. */
const isNoTargetAnyMore = ({ target }: Plan, { workload, policy }: Live): string | null => {
  if (workload === null) return null;
  const selecting = selectingTarget(policy, workload);
  if (selecting === undefined) return `${workloadText(target.workload)} is no target of the policy`;
  return selecting.containers?.includes(target.container) === false
    ? `container ${target.container} is not among \`containers\` of target ${selecting.name}`
    : null;
};

/** The policy was edited since: it no longer asks for this action on this finding. */
const isNotWantedAnyMore = ({ diagnosis, step }: Plan, { policy }: Live): string | null => {
  const { trigger } = diagnosis.evidence.trigger;
  if (!policy.spec.triggers.some(({ name }) => name === trigger)) {
    return `the policy has no trigger ${trigger} any more`;
  }
  return policy.spec.actions.some(({ name }) => name === step.name)
    ? null
    : `the policy has no action ${step.name} any more`;
};

/** The bucket in which a container starts may begin before it: one resolution of grace. */
const graceMs = ({ diagnosis }: Plan, { policy }: Live): number => {
  const { trigger } = diagnosis.evidence.trigger;
  const found = policy.spec.triggers.find(({ name }) => name === trigger);
  return found === undefined ? 0 : durationMs(found.detector.params.resolution);
};

const containerIsNotTheOneSeen = (plan: Plan, live: Live): string | null => {
  const { evidence } = plan.diagnosis;
  const name = `container ${plan.target.container} of ${podText(plan.target.pod)}`;
  const container = live.pod.containers.find((each) => each.name === plan.target.container);
  if (container === undefined) return `${name} does not exist`;
  if (container.startedAtMs === null) return `${name} is not running`;
  const seen: number | undefined = evidence.measures['restartCount'];
  if (seen !== undefined && seen !== container.restartCount) {
    return `${name} has restarted since the evidence (${container.restartCount} restarts now, ${seen} then)`;
  }
  if (container.startedAtMs > evidence.window.fromMs + graceMs(plan, live)) {
    return `${name} started after the window that the evidence was fitted on began`;
  }
  return null;
};

const CHECKS = [
  podIsAnother,
  podIsDeleting,
  podDoesNotRun,
  workloadIsAnother,
  isNoTargetAnyMore,
  isNotWantedAnyMore,
  containerIsNotTheOneSeen,
] as const;

/** Refuses when what would be acted on is no longer what the evidence speaks of. */
export const sameTarget: Guard<'sameTarget'> = {
  id: 'sameTarget',
  title: 'Is the target still the life of the container that the evidence speaks of?',
  check: ({ plan, target, workload, policy }) =>
    withFacts({ target, workload, policy }, (known) => {
      if (known.target === null) {
        const message = `${podText(plan.target.pod)} is gone`;
        return { kind: 'Refuse', reason: 'TargetChanged', message };
      }
      const live = { pod: known.target, workload: known.workload, policy: known.policy };
      for (const check of CHECKS) {
        const message = check(plan, live);
        if (message !== null) return { kind: 'Refuse', reason: 'TargetChanged', message };
      }
      return PASS;
    }),
};
