// SPDX-License-Identifier: Apache-2.0
import type { ApiReply, ClusterPort } from '../domain/cluster.ts';
import { listAt } from '../execute/raw-json.ts';

/**
 * Answers lists over all namespaces from the watched ones, for an operator that has rights only
 * there. The first refusal is the answer: a part of a list is no list.
 * @param namespaces empty: all, and nothing is changed
 */
export const scopedLists = (cluster: ClusterPort, namespaces: readonly string[]): ClusterPort => {
  if (namespaces.length === 0) return cluster;
  return {
    send: async (request, signal) => {
      const isWide =
        request.verb === 'list' &&
        request.namespace === undefined &&
        request.resource !== 'namespaces';
      if (!isWide) return cluster.send(request, signal);
      const replies = await Promise.all(
        namespaces.map((namespace) => cluster.send({ ...request, namespace }, signal)),
      );
      const items = replies.flatMap((reply) =>
        reply.kind === 'ok' ? listAt(reply.body, 'items') : [],
      );
      return (
        replies.find((reply) => reply.kind !== 'ok') ??
        ({ kind: 'ok', status: 200, body: { items } } satisfies ApiReply)
      );
    },
  };
};
