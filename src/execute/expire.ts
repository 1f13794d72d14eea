// SPDX-License-Identifier: Apache-2.0
/**
 * Which ended records and closed incidents may be deleted now. Pure.
 *
 * They are what the limits are counted from, so none goes that is younger than the longest window of
 * any policy: deleting it would give back budget, close a breaker or forget a recurrence. Beyond that,
 * the history limits and `ttl` of its policy decide. So there are never more than the history limits
 * of all policies together with what lies inside the longest window.
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { HealingPolicy } from '../api/healing-policy.ts';
import type { Incident } from '../api/incident.ts';
import type { ObjectMeta } from '../api/scalars.ts';
import type { UnixMs } from '../domain/clock.ts';
import type { ApiRequest } from '../domain/cluster.ts';
import { durationMs } from '../domain/duration.ts';
import { isOpen, phaseOf } from './record.ts';

/** An object that may be deleted, in exactly the version that was judged. */
export type Expired = Pick<ObjectMeta, 'namespace' | 'name' | 'uid' | 'resourceVersion'>;

/** Everything that expiry is judged from. */
export interface ExpiryInput {
  readonly nowMs: UnixMs;
  /** Every policy of the cluster; an incomplete list must not be given. */
  readonly policies: readonly HealingPolicy[];
  readonly records: readonly HealingAction[];
  readonly incidents: readonly Incident[];
}

/** What may be deleted. */
export interface Expiry {
  readonly records: readonly Expired[];
  readonly incidents: readonly Expired[];
}

/** How long things of a deleted policy are kept, in ms: the default of `history.ttl`. */
const ORPHAN_TTL_MS = durationMs('168h');
/** Windows are kept a little longer than they last: writers and readers have different clocks. */
const SLACK_MS = 60_000;

/** The longest time in ms for which any policy looks back on records. */
export const longestWindowMs = (policies: readonly HealingPolicy[]): number =>
  Math.max(
    0,
    ...policies.flatMap(({ spec: { safety } }) => [
      ...safety.budgets.map(({ window }) => durationMs(window)),
      durationMs(safety.breaker.window) + durationMs(safety.breaker.openFor),
      durationMs(safety.recurrence.window),
      durationMs(safety.cooldown.perTarget),
      durationMs(safety.cooldown.perAction),
    ]),
  );

interface Aged {
  readonly meta: ObjectMeta;
  readonly policyUid: string;
  /** What is limited together: a class of outcome of one policy. */
  readonly group: string;
  readonly endedAtMs: UnixMs;
}

const endMs = (meta: ObjectMeta, text: string | undefined): UnixMs => {
  const ended = Date.parse(text ?? meta.creationTimestamp);
  // What cannot be dated is dated now: it is kept, and somebody will see it.
  return Number.isNaN(ended) ? Number.POSITIVE_INFINITY : ended;
};

const agedRecord = (record: HealingAction): Aged => {
  const phase = phaseOf(record);
  const isGood = phase === 'Succeeded' || phase === 'Simulated';
  const policyUid = record.spec.policyRef.uid;
  return {
    meta: record.metadata,
    policyUid,
    group: `${policyUid}/${isGood ? 'successful' : 'failed'}`,
    endedAtMs: endMs(record.metadata, record.status?.finishedAt),
  };
};

const agedIncident = ({ metadata, spec, status }: Incident): Aged => ({
  meta: metadata,
  policyUid: spec.policyRef.uid,
  group: `${spec.policyRef.uid}/incidents`,
  endedAtMs: endMs(metadata, status?.closedAt),
});

interface Limits {
  readonly ttlMs: number;
  readonly count: number;
}

const limitsOf = (policy: HealingPolicy | undefined, group: string): Limits => {
  if (policy === undefined) return { ttlMs: ORPHAN_TTL_MS, count: Number.POSITIVE_INFINITY };
  const { successfulActionsLimit, failedActionsLimit, ttl } = policy.spec.history;
  const ttlMs = durationMs(ttl);
  if (group.endsWith('/successful')) return { ttlMs, count: successfulActionsLimit };
  if (group.endsWith('/failed')) return { ttlMs, count: failedActionsLimit };
  return { ttlMs, count: successfulActionsLimit + failedActionsLimit };
};

const reference = ({ namespace, name, uid, resourceVersion }: ObjectMeta): Expired => ({
  namespace,
  name,
  uid,
  resourceVersion,
});

const expiredOf = (
  aged: readonly Aged[],
  policies: ReadonlyMap<string, HealingPolicy>,
  bounds: { readonly nowMs: UnixMs; readonly keepMs: number },
): readonly Expired[] => {
  const groups = Map.groupBy(aged, ({ group }) => group);
  return [...groups].flatMap(([group, members]) => {
    const newestFirst = members.toSorted((a, b) => b.endedAtMs - a.endedAtMs);
    const limits = limitsOf(policies.get(newestFirst[0]?.policyUid ?? ''), group);
    return newestFirst
      .filter(({ endedAtMs }, index) => {
        const ageMs = bounds.nowMs - endedAtMs;
        return ageMs > bounds.keepMs && (index >= limits.count || ageMs > limits.ttlMs);
      })
      .map(({ meta }) => reference(meta));
  });
};

/** Names the ended records and closed incidents that may be deleted. O(n log n). */
export const expire = (input: ExpiryInput): Expiry => {
  const { nowMs, policies, records, incidents } = input;
  const byUid = new Map(policies.map((policy) => [policy.metadata.uid, policy]));
  const bounds = { nowMs, keepMs: longestWindowMs(policies) + SLACK_MS };
  const ended = records.filter((record) => !isOpen(record));
  // An incident outlives the records that speak of it while they are open.
  const inUse = new Set(records.filter(isOpen).map(({ spec }) => spec.incidentRef.name));
  const closed = incidents.filter(
    ({ metadata, status }) =>
      (status?.state === 'Resolved' || status?.state === 'Escalated') && !inUse.has(metadata.name),
  );
  return {
    records: expiredOf(ended.map(agedRecord), byUid, bounds),
    incidents: expiredOf(closed.map(agedIncident), byUid, bounds),
  };
};

/** Builds the deletion of an expired object, guarded by the version that was judged. */
export const deletion = (
  resource: 'healingactions' | 'incidents',
  { namespace, name, uid, resourceVersion }: Expired,
): ApiRequest => ({
  verb: 'delete',
  group: 'homeostat.dev',
  version: 'v1alpha1',
  resource,
  namespace,
  name,
  body: {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: { uid, resourceVersion },
  },
});
