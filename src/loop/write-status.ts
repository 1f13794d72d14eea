// SPDX-License-Identifier: Apache-2.0
import type { ObjectMeta } from '../api/scalars.ts';
import type { ApiReply, ClusterPort } from '../domain/cluster.ts';

/**
 * Replaces the status of an object of ours. The resourceVersion of the read it is computed from is
 * tested, so a stale view never overwrites a newer one; a refusal is mended by the next round.
 */
export const writeStatus = (
  cluster: ClusterPort,
  resource: 'healingpolicies' | 'incidents',
  object: { readonly metadata: ObjectMeta },
  status: unknown,
): Promise<ApiReply> =>
  cluster.send({
    verb: 'patch',
    group: 'homeostat.dev',
    version: 'v1alpha1',
    resource,
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    subresource: 'status',
    patchType: 'json',
    body: [
      { op: 'test', path: '/metadata/uid', value: object.metadata.uid },
      { op: 'test', path: '/metadata/resourceVersion', value: object.metadata.resourceVersion },
      { op: 'add', path: '/status', value: status },
    ],
  });

/** Tells whether two statuses say the same, whatever the order of their keys. */
export const isSameStatus = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  ) ?? '';
