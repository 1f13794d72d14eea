// SPDX-License-Identifier: Apache-2.0
import type { HealingAction } from '../api/healing-action.ts';
import type { PodFacts, WorkloadFacts } from '../domain/healing.ts';
import { phaseOf } from './record.ts';

/** How many replicas a policy's targets should have, and how many serve. */
export interface Population {
  readonly total: number;
  readonly healthy: number;
}

/** A pod with the uid of the workload that owns it in the end; `null`: none. */
export interface OwnedFacts {
  readonly facts: PodFacts;
  readonly workloadUid: string | null;
}

/** Phases in which one replica is missing because we took it. */
const DISRUPTING: ReadonlySet<string> = new Set(['Executing', 'Settling']);

/** Pods that have ended or are on their way out do not count: a replica that is missing does. */
const isLiving = ({ phase, deleting }: PodFacts): boolean =>
  !deleting && phase !== 'Succeeded' && phase !== 'Failed';

/**
 * Counts the replicas of the selected workloads. A replica that is wanted and not there is unhealthy;
 * one that our own action has just taken away is not held against the cluster, else every restart of
 * a small workload would look like a storm. O(workloads + pods + records).
 */
export const population = (
  workloads: readonly WorkloadFacts[],
  pods: readonly OwnedFacts[],
  records: readonly HealingAction[],
): Population => {
  const living = Map.groupBy(
    pods.filter(({ facts }) => isLiving(facts)),
    ({ workloadUid }) => workloadUid,
  );
  const disrupting = Map.groupBy(
    records.filter((record) => record.spec.mode === 'Auto' && DISRUPTING.has(phaseOf(record))),
    ({ spec }) => spec.workload.uid,
  );
  let total = 0;
  let healthy = 0;
  for (const { ref, desiredReplicas } of workloads) {
    const own = living.get(ref.uid) ?? [];
    const wanted = Math.max(desiredReplicas, own.length);
    const ready = own.filter(({ facts }) => facts.ready).length;
    const taken = disrupting.get(ref.uid)?.length ?? 0;
    total += wanted;
    healthy += Math.min(wanted, ready + taken);
  }
  return { total, healthy };
};
