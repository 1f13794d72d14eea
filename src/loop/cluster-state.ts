// SPDX-License-Identifier: Apache-2.0
/**
 * What the watches have seen, as the loop reads it. It may be stale: nothing disruptive is decided
 * from it alone, every decision gathers live facts first.
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { HealingPolicy } from '../api/healing-policy.ts';
import type { Incident } from '../api/incident.ts';
import type { ObjectMeta } from '../api/scalars.ts';
import type { WorkloadFacts } from '../domain/healing.ts';
import { replicaSetOwners } from '../execute/ownership.ts';
import {
  parseHealingAction,
  parseHealingPolicy,
  parseMeta,
  policyFault,
} from '../execute/parse-kinds.ts';
import {
  type Controller,
  type ObservedPod,
  observedPod,
  workloadFacts,
} from '../execute/pod-facts.ts';
import { at, textAt, textsAt } from '../execute/raw-json.ts';
import { parseIncident } from './parse-incident.ts';

/** The collections that are watched, by plural resource name. */
export const WATCHED = [
  { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false },
  { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true },
  { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', namespaced: true },
  { group: 'apps', version: 'v1', resource: 'replicasets', kind: 'ReplicaSet', namespaced: true },
  { group: 'apps', version: 'v1', resource: 'statefulsets', kind: 'StatefulSet', namespaced: true },
  {
    group: 'homeostat.dev',
    version: 'v1alpha1',
    resource: 'healingactions',
    kind: 'HealingAction',
    namespaced: true,
  },
  {
    group: 'homeostat.dev',
    version: 'v1alpha1',
    resource: 'healingpolicies',
    kind: 'HealingPolicy',
    namespaced: true,
  },
  {
    group: 'homeostat.dev',
    version: 'v1alpha1',
    resource: 'incidents',
    kind: 'Incident',
    namespaced: true,
  },
] as const;

/** Plural name of a watched collection. */
export type WatchedResource = (typeof WATCHED)[number]['resource'];

/** Gives the raw objects of one collection, of one namespace or of all; the same object until it changes. */
export type RawObjects = (resource: WatchedResource, namespace?: string) => readonly object[];

/** A policy object that was read but does not hold together; it is reported and never acted on. */
export interface InvalidPolicy {
  readonly metadata: ObjectMeta;
  /** Its status as it stands there. */
  readonly rawStatus: unknown;
  /** What does not hold together, for people. */
  readonly message: string;
}

/** The typed view of what was watched. */
export interface ClusterState {
  policies(): readonly HealingPolicy[];
  invalidPolicies(): readonly InvalidPolicy[];
  actions(namespace?: string): readonly HealingAction[];
  incidents(namespace?: string): readonly Incident[];
  /** Annotations of a namespace; `null`: not seen. */
  namespaceAnnotations(name: string): Readonly<Record<string, string>> | null;
  workloads(namespace: string): readonly WorkloadFacts[];
  pods(namespace: string): readonly ObservedPod[];
  /** Controlling owner of each ReplicaSet by uid; one that nobody controls is left out. */
  replicaSetOwners(namespace: string): ReadonlyMap<string, Controller>;
}

/** Converts each raw object once: watched objects are replaced, never changed. */
const memoized = <T>(convert: (raw: object) => T): ((raw: object) => T) => {
  const known = new WeakMap<object, { readonly value: T }>();
  return (raw) => {
    const hit = known.get(raw) ?? { value: convert(raw) };
    known.set(raw, hit);
    return hit.value;
  };
};

const invalidPolicy = (raw: object): InvalidPolicy | null => {
  const metadata = parseMeta(raw);
  const message = policyFault(raw);
  return metadata === null || message === null
    ? null
    : { metadata, rawStatus: at(raw, 'status'), message };
};

const isPresent = <T>(value: T | null): value is T => value !== null;

/** Builds the typed view over raw collections. */
export const createClusterState = (raw: RawObjects): ClusterState => {
  const policy = memoized(parseHealingPolicy);
  const action = memoized(parseHealingAction);
  const incident = memoized(parseIncident);
  const pod = memoized(observedPod);
  const deployment = memoized((each) =>
    workloadFacts(each, { apiVersion: 'apps/v1', kind: 'Deployment' }),
  );
  const statefulSet = memoized((each) =>
    workloadFacts(each, { apiVersion: 'apps/v1', kind: 'StatefulSet' }),
  );
  return {
    policies: () => raw('healingpolicies').map(policy).filter(isPresent),
    invalidPolicies: () =>
      raw('healingpolicies')
        .filter((each) => policy(each) === null)
        .map(invalidPolicy)
        .filter(isPresent),
    actions: (namespace) => raw('healingactions', namespace).map(action).filter(isPresent),
    incidents: (namespace) => raw('incidents', namespace).map(incident).filter(isPresent),
    namespaceAnnotations: (name) => {
      const found = raw('namespaces').find((each) => textAt(each, 'metadata', 'name') === name);
      return found === undefined ? null : textsAt(at(found, 'metadata'), 'annotations');
    },
    workloads: (namespace) =>
      [
        ...raw('deployments', namespace).map(deployment),
        ...raw('statefulsets', namespace).map(statefulSet),
      ].filter(isPresent),
    pods: (namespace) => raw('pods', namespace).map(pod).filter(isPresent),
    replicaSetOwners: (namespace) => replicaSetOwners(raw('replicasets', namespace)),
  };
};
