// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { ActFacts, Action, Intent, ProbeResult } from '../action.ts';
import { at, listAt, textAt } from '../raw-json.ts';

const isEvicted = (pod: unknown): boolean =>
  listAt(pod, 'status', 'conditions').some(
    (condition) =>
      textAt(condition, 'type') === 'DisruptionTarget' &&
      textAt(condition, 'status') === 'True' &&
      textAt(condition, 'reason') === 'EvictionByEvictionAPI',
  );

/** Judges by the target's uid, deletion timestamp and disruption condition (DESIGN 4.4). */
const probe = (intent: Intent, pod: unknown): ProbeResult => {
  if (pod === null) return 'done';
  const uid = textAt(pod, 'metadata', 'uid');
  if (uid === '') return 'unknown';
  if (uid !== intent.preconditions.uid) return 'done';
  if (at(pod, 'metadata', 'deletionTimestamp') !== undefined) return 'done';
  return isEvicted(pod) ? 'done' : 'notDone';
};

/**
 * Restarts one replica by evicting its pod: the owner makes a new one. Eviction asks the
 * PodDisruptionBudgets, keeps the grace period, and its preconditions let it hit only the very pod
 * that was judged.
 */
export const restart: Action<'restart'> = {
  id: 'restart',
  title: 'Evicts one pod, so that its workload replaces it.',
  effect: 'once',
  params: z.object({}),
  rbac: [
    { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] },
    // The probe, the verification and the search for the replacement.
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
    { apiGroups: ['apps'], resources: ['replicasets'], verbs: ['list'] },
  ],
  predict: ({ target, workload, peers }: ActFacts) => {
    const { desiredReplicas } = workload;
    // The controller's count may lag behind the pods, or stand still with it: the lower one is believed.
    const serving = peers.filter(({ ready, deleting }) => ready && !deleting).length;
    const readyReplicas = Math.min(workload.readyReplicas, serving);
    const during = Math.max(0, readyReplicas - (target.ready ? 1 : 0));
    return [
      { readyReplicas: during, desiredReplicas },
      { readyReplicas: Math.min(during + 1, desiredReplicas), desiredReplicas },
    ];
  },
  intents: ({ target }: ActFacts) => [
    {
      seq: 0,
      verb: 'evict',
      path: `/api/v1/namespaces/${target.namespace}/pods/${target.name}/eviction`,
      preconditions: { uid: target.uid, resourceVersion: target.resourceVersion },
    },
  ],
  undoUnavailableReason:
    'An evicted pod cannot be brought back; its workload makes a replacement from the same template.',
  probe,
};
