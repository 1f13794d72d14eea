// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs } from '../domain/clock.ts';
import type { ApiReply, ApiRequest, ClusterPort } from '../domain/cluster.ts';

const FIRST_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;

interface Refused {
  readonly reply: ApiReply;
  readonly pauseMs: number;
  readonly untilMs: MonoMs;
}

const keyOf = ({ verb, group, resource, subresource, namespace }: ApiRequest): string =>
  [verb, group, resource, subresource ?? '', namespace ?? ''].join(' ');

/**
 * Answers a call that was forbidden a moment ago with the same refusal, without sending it: a right
 * that is missing costs one request per kind, namespace and pause, however many objects there are. For
 * the loop's own writes, which are computed anew in every round; effects on targets are never held back
 * here. Bounded by the number of kinds and watched namespaces.
 */
export const holdBackForbidden = (cluster: ClusterPort, clock: Clock): ClusterPort => {
  const refused = new Map<string, Refused>();
  return {
    send: async (request, signal) => {
      const key = keyOf(request);
      const before = refused.get(key);
      if (before !== undefined && clock.monoMs() < before.untilMs) return before.reply;
      const reply = await cluster.send(request, signal);
      if (reply.kind === 'refused' && reply.status === 403) {
        const pauseMs =
          before === undefined ? FIRST_PAUSE_MS : Math.min(MAX_PAUSE_MS, before.pauseMs * 2);
        refused.set(key, { reply, pauseMs, untilMs: clock.monoMs() + pauseMs });
      } else if (reply.kind === 'ok') refused.delete(key);
      return reply;
    },
  };
};
