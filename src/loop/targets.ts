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

/** The pods of one namespace with the workloads that own them in the end. */
export interface NamespacePods {
  readonly workloads: readonly WorkloadFacts[];
  readonly pods: readonly OwnedPod[];
}

/** Resolves the owners of all pods of a namespace: directly, or through a ReplicaSet. */
export const namespacePods = (state: ClusterState, namespace: string): NamespacePods => {
  const workloads = state.workloads(namespace);
  const byUid = new Map(workloads.map((workload) => [workload.ref.uid, workload]));
  const owners = state.replicaSetOwners(namespace);
  const pods = state.pods(namespace).flatMap((pod) => {
    const owner =
      pod.controller?.kind === 'ReplicaSet' ? owners.get(pod.controller.uid) : pod.controller;
    const workload = byUid.get(owner?.uid ?? '');
    return workload === undefined ? [] : [{ pod, workload }];
  });
  return { workloads, pods };
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

/** Resolves a policy's targets among the pods of its namespace. */
export const resolveTargets = (here: NamespacePods, policy: HealingPolicy): ResolvedTargets => {
  const selected = new Map<string, { workload: WorkloadFacts; target: PolicyTarget }>();
  for (const workload of here.workloads) {
    const target = selectingTarget(policy, workload);
    if (target !== undefined) selected.set(workload.ref.uid, { workload, target });
  }
  const pods = here.pods.filter(({ workload }) => selected.has(workload.ref.uid));
  const containers = pods.flatMap(({ pod, workload }) => {
    const wanted = selected.get(workload.ref.uid)?.target.containers;
    return pod.facts.containers
      .filter(({ name }) => wanted?.includes(name) !== false)
      .map(({ name }) => containerKey(pod.facts.uid, name));
  });
  return { workloads: [...selected.values()].map(({ workload }) => workload), pods, containers };
};
