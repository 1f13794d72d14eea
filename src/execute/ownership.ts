// SPDX-License-Identifier: Apache-2.0
/** Who owns a pod in the end: a StatefulSet directly, a Deployment through a ReplicaSet. */
import type { WorkloadRef } from '../domain/entity.ts';
import type { Fact } from '../domain/fact.ts';
import type { WorkloadFacts } from '../domain/healing.ts';
import {
  type Controller,
  controllerOf,
  type ObservedPod,
  observedPod,
  workloadFacts,
} from './pod-facts.ts';
import { textAt } from './raw-json.ts';
import { bothFacts, type ReadPorts, readList, readObject } from './reads.ts';

const APPS = { group: 'apps', version: 'v1' } as const;
const REPLICA_SET = 'ReplicaSet';
/** Plural names of the kinds that a policy may target. */
const RESOURCES: Readonly<Record<string, string>> = {
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
};

/** The owners that a pod may have, from one list of ReplicaSets. */
export type ReplicaSetOwners = ReadonlyMap<string, Controller>;

/** Maps the uid of each ReplicaSet to the owner that controls it. */
export const replicaSetOwners = (replicaSets: readonly unknown[]): ReplicaSetOwners => {
  const owners = new Map<string, Controller>();
  for (const each of replicaSets) {
    const owner = controllerOf(each);
    if (owner !== null) owners.set(textAt(each, 'metadata', 'uid'), owner);
  }
  return owners;
};

/** Finds the uid of the workload that owns a pod; `null`: none that we know. */
export const workloadUidOf = (pod: ObservedPod, owners: ReplicaSetOwners): string | null => {
  const { controller } = pod;
  if (controller === null) return null;
  const top = controller.kind === REPLICA_SET ? owners.get(controller.uid) : controller;
  return top?.uid ?? null;
};

/** Reads pods from raw items; what is no pod is left out. */
export const observedPods = (items: readonly unknown[]): readonly ObservedPod[] =>
  items.map(observedPod).filter((pod): pod is ObservedPod => pod !== null);

/** Lists every ReplicaSet owner of a namespace. */
export const readReplicaSets = (
  ports: ReadPorts,
  namespace: string,
): Promise<Fact<readonly unknown[]>> =>
  readList(ports, { ...APPS, resource: 'replicasets', namespace });

/** Lists the pods of a namespace. */
export const readPods = (ports: ReadPorts, namespace: string): Promise<Fact<readonly unknown[]>> =>
  readList(ports, { group: '', version: 'v1', resource: 'pods', namespace });

/** Reads a workload by name; a known `null`: it does not exist, or is of a kind that we do not know. */
export const readWorkload = async (
  ports: ReadPorts,
  ref: Pick<WorkloadRef, 'kind' | 'namespace' | 'name'>,
): Promise<Fact<WorkloadFacts | null>> => {
  const resource = RESOURCES[ref.kind];
  if (resource === undefined) {
    return { kind: 'known', value: null, observedAtMs: ports.clock.wallMs(), source: ref.kind };
  }
  const place = { ...APPS, resource, namespace: ref.namespace, name: ref.name };
  const fact = await readObject(ports, place);
  if (fact.kind === 'unknown') return fact;
  if (fact.value === null) return { ...fact, value: null };
  const facts = workloadFacts(fact.value, { apiVersion: 'apps/v1', kind: ref.kind });
  return facts === null
    ? { kind: 'unknown', missing: `${fact.source}: the object has no identity` }
    : { ...fact, value: facts };
};

/** Lists the workloads of a namespace that a policy could target. */
export const readWorkloads = async (
  ports: ReadPorts,
  namespace: string,
): Promise<Fact<readonly WorkloadFacts[]>> => {
  const read = async (kind: string): Promise<Fact<readonly WorkloadFacts[]>> => {
    const fact = await readList(ports, { ...APPS, resource: RESOURCES[kind] ?? '', namespace });
    if (fact.kind === 'unknown') return fact;
    const type = { apiVersion: 'apps/v1', kind };
    const facts = fact.value.map((item) => workloadFacts(item, type));
    return { ...fact, value: facts.filter((each): each is WorkloadFacts => each !== null) };
  };
  const [deployments, statefulSets] = await Promise.all([read('Deployment'), read('StatefulSet')]);
  return bothFacts(deployments, statefulSets, (a, b) => [...a, ...b]);
};

/**
 * Walks from a pod up to its workload with live reads. A known `null`: nobody owns it, or an owner
 * that we do not act for.
 */
export const walkOwners = async (
  ports: ReadPorts,
  pod: ObservedPod,
): Promise<Fact<WorkloadFacts | null>> => {
  const { namespace } = pod.facts;
  const nobody = (source: string): Fact<null> => ({
    kind: 'known',
    value: null,
    observedAtMs: ports.clock.wallMs(),
    source,
  });
  let owner = pod.controller;
  if (owner?.kind === REPLICA_SET) {
    const place = { ...APPS, resource: 'replicasets', namespace, name: owner.name };
    const replicaSet = await readObject(ports, place);
    if (replicaSet.kind === 'unknown') return replicaSet;
    const isSame = textAt(replicaSet.value, 'metadata', 'uid') === owner.uid;
    owner = isSame ? controllerOf(replicaSet.value) : null;
  }
  if (owner === null || owner.kind === REPLICA_SET) return nobody(`owner of ${pod.facts.name}`);
  const workload = await readWorkload(ports, { kind: owner.kind, namespace, name: owner.name });
  if (workload.kind === 'known' && workload.value?.ref.uid !== owner.uid) {
    return { ...workload, value: null };
  }
  return workload;
};

/** Observes the pods of one workload; unknown while either list cannot be read. */
export const observeWorkloadPods = async (
  ports: ReadPorts,
  workload: { readonly namespace: string; readonly uid: string },
): Promise<Fact<readonly ObservedPod[]>> => {
  const [pods, replicaSets] = await Promise.all([
    readPods(ports, workload.namespace),
    readReplicaSets(ports, workload.namespace),
  ]);
  return bothFacts(pods, replicaSets, (items, sets) => {
    const owners = replicaSetOwners(sets);
    return observedPods(items).filter((pod) => workloadUidOf(pod, owners) === workload.uid);
  });
};
