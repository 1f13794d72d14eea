// SPDX-License-Identifier: Apache-2.0
/** Raw objects of the API server, reduced to what decisions look at. Tolerant: nothing here throws. */
import type { UnixMs } from '../domain/clock.ts';
import type { PodFacts, WorkloadFacts } from '../domain/healing.ts';
import { parseQuantity } from '../domain/quantity-text.ts';
import { at, countAt, listAt, textAt, textsAt, timeAt } from './raw-json.ts';

/** The controlling owner of an object. */
export interface Controller {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** A pod with the moment since which it is Ready without a break; `null`: it is not Ready. */
export interface ObservedPod {
  readonly facts: PodFacts;
  readonly readySinceMs: UnixMs | null;
  readonly controller: Controller | null;
}

const MIRROR = 'kubernetes.io/config.mirror';

const byName = (items: readonly unknown[], name: string): unknown =>
  items.find((item) => textAt(item, 'name') === name);

const condition = (raw: unknown, type: string): unknown =>
  listAt(raw, 'status', 'conditions').find((each) => textAt(each, 'type') === type);

/** Reads the memory limit in force: what the kubelet reports, else what was asked for; 0 is none. */
const memoryLimit = (spec: unknown, status: unknown): number | null => {
  for (const source of [status, spec]) {
    const raw = at(source, 'resources', 'limits', 'memory');
    if (raw === undefined) continue;
    const bytes = parseQuantity(String(raw));
    if (bytes !== null && bytes > 0) return bytes;
  }
  return null;
};

/** Reads the end of the container's newest ended run: the present state when it has not restarted yet. */
const lastTermination = (status: unknown): PodFacts['containers'][number]['lastTermination'] => {
  for (const state of ['state', 'lastState']) {
    const terminated = at(status, state, 'terminated');
    const finishedAtMs = timeAt(terminated, 'finishedAt');
    if (finishedAtMs !== null) return { reason: textAt(terminated, 'reason'), finishedAtMs };
  }
  return null;
};

const containers = (raw: unknown): PodFacts['containers'] => {
  const statuses = listAt(raw, 'status', 'containerStatuses');
  return listAt(raw, 'spec', 'containers')
    .filter((spec) => textAt(spec, 'name') !== '')
    .map((spec) => {
      const name = textAt(spec, 'name');
      const status = byName(statuses, name);
      return {
        name,
        restartCount: countAt(status, 0, 'restartCount'),
        startedAtMs: timeAt(status, 'state', 'running', 'startedAt'),
        memoryLimitBytes: memoryLimit(spec, status),
        lastTermination: lastTermination(status),
      };
    });
};

/** What every object must have before anything is said about it; `null`: it has not. */
const identity = (raw: unknown) => {
  const namespace = textAt(raw, 'metadata', 'namespace');
  const name = textAt(raw, 'metadata', 'name');
  const uid = textAt(raw, 'metadata', 'uid');
  const resourceVersion = textAt(raw, 'metadata', 'resourceVersion');
  const isWhole = [namespace, name, uid, resourceVersion].every((text) => text !== '');
  return isWhole ? { namespace, name, uid, resourceVersion } : null;
};

/** Reads a raw Pod; `null` when it has no identity or no creation time, and so proves nothing. */
export const podFacts = (raw: unknown): PodFacts | null => {
  const id = identity(raw);
  const createdAtMs = timeAt(raw, 'metadata', 'creationTimestamp');
  if (id === null || createdAtMs === null) return null;
  const labels = textsAt(raw, 'metadata', 'labels');
  const annotations = textsAt(raw, 'metadata', 'annotations');
  const nodeName = textAt(raw, 'spec', 'nodeName');
  return {
    ...id,
    createdAtMs,
    deleting: at(raw, 'metadata', 'deletionTimestamp') !== undefined,
    ready: textAt(condition(raw, 'Ready'), 'status') === 'True',
    phase: textAt(raw, 'status', 'phase'),
    labels,
    annotations,
    nodeName: nodeName === '' ? null : nodeName,
    isStatic: Object.hasOwn(annotations, MIRROR),
    containers: containers(raw),
    templateHash: textAt(labels, 'pod-template-hash') || textAt(labels, 'controller-revision-hash'),
  };
};

/** Finds the owner that controls an object; `null`: nobody does. */
export const controllerOf = (raw: unknown): Controller | null => {
  const owner = listAt(raw, 'metadata', 'ownerReferences').find(
    (each) => at(each, 'controller') === true,
  );
  const uid = textAt(owner, 'uid');
  if (uid === '') return null;
  return {
    apiVersion: textAt(owner, 'apiVersion'),
    kind: textAt(owner, 'kind'),
    name: textAt(owner, 'name'),
    uid,
  };
};

/** Reads a raw Pod with its owner and the beginning of its readiness; `null` as {@link podFacts}. */
export const observedPod = (raw: unknown): ObservedPod | null => {
  const facts = podFacts(raw);
  if (facts === null) return null;
  return {
    facts,
    // A Ready pod without a transition time counts as ready since it was made.
    readySinceMs: facts.ready
      ? (timeAt(condition(raw, 'Ready'), 'lastTransitionTime') ?? facts.createdAtMs)
      : null,
    controller: controllerOf(raw),
  };
};

/**
 * Reads a raw Deployment or StatefulSet; `null` when it has no identity.
 * @param type `apiVersion` and `kind`, which items of a list do not carry
 */
export const workloadFacts = (
  raw: unknown,
  type: { readonly apiVersion: string; readonly kind: string },
): WorkloadFacts | null => {
  const id = identity(raw);
  if (id === null) return null;
  return {
    ref: { ...type, namespace: id.namespace, name: id.name, uid: id.uid },
    desiredReplicas: countAt(raw, 1, 'spec', 'replicas'),
    readyReplicas: countAt(raw, 0, 'status', 'readyReplicas'),
    updatedReplicas: countAt(raw, 0, 'status', 'updatedReplicas'),
    generation: countAt(raw, 0, 'metadata', 'generation'),
    observedGeneration: countAt(raw, 0, 'status', 'observedGeneration'),
    labels: textsAt(raw, 'metadata', 'labels'),
    annotations: textsAt(raw, 'metadata', 'annotations'),
  };
};
