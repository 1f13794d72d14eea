// SPDX-License-Identifier: Apache-2.0
import type { HealingPolicy, PolicyTarget } from '../api/healing-policy.ts';
import { selectingTarget } from '../api/policy-target.ts';
import { type ContainerFacts, containerKey } from '../domain/entity.ts';
import type { WorkloadFacts } from '../domain/healing.ts';
import type { ObservedPod } from '../execute/pod-facts.ts';
import type { ClusterState } from './cluster-state.ts';

/** A pod together with the workload that owns it in the end. */
export interface OwnedPod {
  readonly pod: ObservedPod;
  readonly workload: WorkloadFacts;
}

/** What a policy's targets select, as the watches see it. */
export interface ResolvedTargets {
  readonly workloads: readonly WorkloadFacts[];
  readonly pods: readonly OwnedPod[];
  /** Keys (see `containerKey`) of the containers that the policy watches. */
  readonly containers: readonly string[];
}

/** Finds the workload that owns a pod in the end: directly, or through a ReplicaSet. */
export const workloadOf = (state: ClusterState, pod: ObservedPod): WorkloadFacts | null => {
  if (pod.controller === null) return null;
  const { namespace } = pod.facts;
  const owner =
    pod.controller.kind === 'ReplicaSet'
      ? state.replicaSetOwner(namespace, pod.controller.uid)
      : pod.controller;
  return state.workloads(namespace).find(({ ref }) => ref.uid === owner?.uid) ?? null;
};

/** Gives the facts of every container of an owned pod, as the analysis worker wants them. */
export const containerFacts = ({ pod, workload }: OwnedPod): readonly ContainerFacts[] =>
  pod.facts.containers.map((container) => ({
    ref: {
      pod: { namespace: pod.facts.namespace, name: pod.facts.name, uid: pod.facts.uid },
      workload: workload.ref,
      container: container.name,
    },
    templateHash: pod.facts.templateHash,
    memoryLimitBytes: container.memoryLimitBytes,
    restartCount: container.restartCount,
    startedAtMs: container.startedAtMs,
    podCreatedAtMs: pod.facts.createdAtMs,
    podReady: pod.facts.ready,
    lastTermination: container.lastTermination,
  }));

/** Resolves a policy's targets to workloads, pods and containers. */
export const resolveTargets = (state: ClusterState, policy: HealingPolicy): ResolvedTargets => {
  const { namespace } = policy.metadata;
  const selected = new Map<string, { workload: WorkloadFacts; target: PolicyTarget }>();
  for (const workload of state.workloads(namespace)) {
    const target = selectingTarget(policy, workload);
    if (target !== undefined) selected.set(workload.ref.uid, { workload, target });
  }
  const pods: OwnedPod[] = [];
  const containers: string[] = [];
  for (const pod of state.pods(namespace)) {
    const entry = selected.get(workloadOf(state, pod)?.ref.uid ?? '');
    if (entry === undefined) continue;
    pods.push({ pod, workload: entry.workload });
    const { containers: wanted } = entry.target;
    for (const { name } of pod.facts.containers) {
      if (wanted?.includes(name) !== false) containers.push(containerKey(pod.facts.uid, name));
    }
  }
  return { workloads: [...selected.values()].map(({ workload }) => workload), pods, containers };
};
