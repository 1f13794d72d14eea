// SPDX-License-Identifier: Apache-2.0
import type { PodFacts, WorkloadFacts } from '../../domain/healing.ts';
import { type BlockReason, PASS, type Verdict } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { podText, workloadText } from '../object-names.ts';
import { withFacts } from '../required-facts.ts';

/** Controllers that replace an evicted pod by an equal one. */
const SUPPORTED: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet']);

const refuse = (reason: BlockReason, message: string): Verdict => ({
  kind: 'Refuse',
  reason,
  message,
});

/** Nobody would bring the pod back, or not as it was. */
const noReplacementWouldCome = (pod: PodFacts | null, workload: WorkloadFacts): string | null => {
  if (pod?.isStatic === true) {
    return `${podText(pod)} is a static pod: the kubelet owns it, an eviction only removes its mirror`;
  }
  if (workload.ref.apiVersion === 'apps/v1' && SUPPORTED.has(workload.ref.kind)) return null;
  return `${workloadText(workload.ref)} (${workload.ref.apiVersion}) is no Deployment or StatefulSet: it is not known how it replaces a pod`;
};

/** An eviction now would mix with a change that somebody else is making. */
const rolloutIsUnderWay = (workload: WorkloadFacts): string | null => {
  const name = workloadText(workload.ref);
  if (!(workload.observedGeneration >= workload.generation)) {
    return `the controller of ${name} has not seen generation ${workload.generation} yet (observed ${workload.observedGeneration})`;
  }
  if (workload.updatedReplicas !== workload.desiredReplicas) {
    return `${name} is in the middle of a rollout: ${workload.updatedReplicas} of ${workload.desiredReplicas} replicas are of the newest revision`;
  }
  return null;
};

/** Refuses a target that no supported controller would replace, or that is being rolled out. */
export const ownership: Guard<'ownership'> = {
  id: 'ownership',
  title: 'Does a Deployment or StatefulSet own the pod, and is no rollout under way?',
  check: ({ plan, target, workload }) =>
    withFacts({ target, workload }, (known) => {
      if (known.workload === null) {
        return refuse(
          'UnsupportedOwner',
          `${podText(plan.target.pod)} has no Deployment or StatefulSet that would replace it`,
        );
      }
      const unsupported = noReplacementWouldCome(known.target, known.workload);
      if (unsupported !== null) return refuse('UnsupportedOwner', unsupported);
      const busy = rolloutIsUnderWay(known.workload);
      return busy === null ? PASS : refuse('TargetBusy', busy);
    }),
};
