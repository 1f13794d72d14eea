// SPDX-License-Identifier: Apache-2.0
import type { ClusterPort } from '../../domain/cluster.ts';
import { listAt, textAt } from '../../execute/raw-json.ts';
import type { Log } from '../../instrumentation/log.ts';

/** Label by which the OTLP Service selects the leader's pod. */
export const LEADER_LABEL = 'homeostat.dev/leader';

const PODS = { group: '', version: 'v1', resource: 'pods' } as const;

/**
 * Makes the OTLP Service select this pod: takes the label from every other pod first, because a
 * frozen former leader keeps its own, then sets it here. Done again until it succeeds, or the term
 * ends.
 * @returns false when something was refused; the caller tries again
 */
export const takeLeaderLabel = async (
  cluster: ClusterPort,
  log: Log,
  own: { readonly namespace: string; readonly podName: string },
): Promise<boolean> => {
  const { namespace, podName } = own;
  const list = await cluster.send({
    verb: 'list',
    ...PODS,
    namespace,
    labelSelector: `${LEADER_LABEL}=true`,
  });
  if (list.kind !== 'ok') {
    log.warn('pods with the leader label could not be listed', { error: list.message });
    return false;
  }
  const labelled = listAt(list.body, 'items').map((each) => textAt(each, 'metadata', 'name'));
  const set = (name: string, value: string | null) =>
    cluster.send({
      verb: 'patch',
      ...PODS,
      namespace,
      name,
      patchType: 'merge',
      body: { metadata: { labels: { [LEADER_LABEL]: value } } },
    });
  for (const name of labelled.filter((each) => each !== podName)) {
    const reply = await set(name, null);
    const isGone = reply.kind === 'refused' && reply.status === 404;
    if (reply.kind !== 'ok' && !isGone) {
      log.warn('leader label could not be removed', {
        entity: `${namespace}/${name}`,
        error: reply.message,
      });
      return false;
    }
  }
  if (labelled.includes(podName)) return true;
  const reply = await set(podName, 'true');
  if (reply.kind !== 'ok') log.warn('leader label could not be set', { error: reply.message });
  return reply.kind === 'ok';
};
