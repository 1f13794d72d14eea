// SPDX-License-Identifier: Apache-2.0
// Three days of 500 workloads and 10,000 triggers: what the operator leaves behind in etcd stays
// inside its bound, the history limits plus what lies inside the longest window.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { durationMs } from '../../src/domain/duration.ts';
import type { ModelObject } from '../model/api-server.ts';
import { Crowd } from '../model/crowd.ts';

const HOUR = 3_600_000;
const HOURS = 72;
const TRIGGERS = 10_000;
const NAMESPACES = 50;
const ROUND_MS = 240_000;
/** Of each policy: records that helped, other records, and the sum of both for incidents. */
const LIMITS = { successful: 5, failed: 4 } as const;
/** The longest window of the policy below: the recurrence of three hours. */
const WINDOW_MS = durationMs('3h');
/** Expiry comes once a round and keeps a minute of slack. */
const LATE_MS = 2 * ROUND_MS + 60_000;

const policy = {
  mode: 'Auto',
  targets: [{ name: 'all', kind: 'Deployment', selector: {} }],
  triggers: [
    {
      name: 'leak',
      detector: { type: 'MemoryLeak', params: { horizon: '60s', resolution: '2s' } },
    },
  ],
  actions: [{ name: 'restart', restart: {}, timeout: '5m', settle: '60s' }],
  safety: {
    minHealthy: 0,
    maxConcurrent: 10,
    budgets: [{ name: 'hourly', max: 3, window: '1h', scope: 'Namespace' }],
    cooldown: { perTarget: '10m', perAction: '1m' },
    breaker: { failures: 2, window: '2h', openFor: '30m' },
    recurrence: { max: 2, window: '3h' },
  },
  verify: { initialDelay: '10s', window: '60s', interval: '30s', minSamples: 3 },
  history: {
    successfulActionsLimit: LIMITS.successful,
    failedActionsLimit: LIMITS.failed,
    ttl: '48h',
  },
};

const TERMINAL = ['Succeeded', 'Failed', 'Inconclusive', 'Blocked', 'Simulated'];

/** What was there at one moment. */
interface Census {
  readonly hour: number;
  readonly records: number;
  readonly incidents: number;
  /** The bound at that moment, from what was created and not from what is there. */
  readonly recordBound: number;
  readonly incidentBound: number;
  /** Most ended objects of one policy that no window looks back on. */
  readonly oldSuccessful: number;
  readonly oldFailed: number;
  readonly oldIncidents: number;
}

let crowd: Crowd;
const censuses: Census[] = [];
const created = { healingactions: [] as number[], incidents: [] as number[] };
const reasons = new Map<string, number>();
const deletedTooSoon: string[] = [];

/** Most members of one policy among the objects that ended before the window. */
const mostOld = (
  objects: readonly ModelObject[],
  endOf: (object: ModelObject) => unknown,
): number => {
  const before = crowd.clock.wallMs() - WINDOW_MS - LATE_MS;
  const old = objects.filter((object) => Date.parse(String(endOf(object) ?? '')) < before);
  const byPolicy = Map.groupBy(old, ({ spec }) => spec.policyRef.uid);
  return Math.max(0, ...[...byPolicy.values()].map(({ length }) => length));
};

const openNow = (objects: readonly ModelObject[], isEnded: (object: ModelObject) => boolean) =>
  objects.filter((object) => !isEnded(object)).length;

const takeCensus = (hour: number): Census => {
  const records = crowd.all('healingactions');
  const incidents = crowd.all('incidents');
  const sinceMs = crowd.clock.wallMs() - WINDOW_MS - LATE_MS;
  const recent = (times: readonly number[]): number => times.filter((ms) => ms > sinceMs).length;
  const isTerminal = ({ status }: ModelObject): boolean => TERMINAL.includes(status?.phase);
  const isClosed = ({ status }: ModelObject): boolean =>
    ['Resolved', 'Escalated'].includes(status?.state);
  const isGood = ({ status }: ModelObject): boolean => status?.phase === 'Succeeded';
  const limit = LIMITS.successful + LIMITS.failed;
  // What is open does not expire, however old; what ended inside the window may have begun before it.
  const lateEnds = (objects: readonly ModelObject[], endOf: (object: ModelObject) => unknown) =>
    objects.filter(
      (object) =>
        Date.parse(object.metadata.creationTimestamp) <= sinceMs &&
        Date.parse(String(endOf(object) ?? '')) > sinceMs,
    ).length;
  return {
    hour,
    records: records.length,
    incidents: incidents.length,
    recordBound:
      NAMESPACES * limit +
      recent(created.healingactions) +
      openNow(records, isTerminal) +
      lateEnds(records, ({ status }) => status?.finishedAt),
    incidentBound:
      NAMESPACES * limit +
      recent(created.incidents) +
      openNow(incidents, isClosed) +
      lateEnds(incidents, ({ status }) => status?.closedAt),
    oldSuccessful: mostOld(records.filter(isGood), ({ status }) => status?.finishedAt),
    oldFailed: mostOld(
      records.filter((record) => isTerminal(record) && !isGood(record)),
      ({ status }) => status?.finishedAt,
    ),
    oldIncidents: mostOld(incidents.filter(isClosed), ({ status }) => status?.closedAt),
  };
};

const noteDeleted = (resource: string, { metadata, status }: ModelObject): void => {
  const reason = `${resource} ${status?.phase ?? status?.state} ${status?.reason}`;
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const endedAtMs = Date.parse(String(status?.finishedAt ?? status?.closedAt ?? ''));
  if (!(crowd.clock.wallMs() - endedAtMs >= WINDOW_MS)) {
    deletedTooSoon.push(`${metadata.name}: ${reason}`);
  }
};

beforeAll(async () => {
  crowd = new Crowd({
    ...{ namespaces: NAMESPACES, workloadsEach: 10, roundMs: ROUND_MS, policy, seed: 7 },
  });
  crowd.server.onChange(({ type, resource, object }) => {
    if (type === 'ADDED' && (resource === 'healingactions' || resource === 'incidents')) {
      created[resource].push(crowd.clock.wallMs());
    }
    if (type === 'DELETED' && resource !== 'pods') noteDeleted(resource, object);
  });
  const everyMs = (HOURS * HOUR) / TRIGGERS;
  for (let hour = 1; hour <= HOURS; hour += 1) {
    const untilMs = hour * HOUR;
    while (crowd.triggers < TRIGGERS && crowd.triggers * everyMs < untilMs) {
      crowd.trigger();
      await crowd.clock.advance(everyMs);
    }
    await crowd.clock.advance(Math.max(0, untilMs - crowd.clock.monoMs()));
    censuses.push(takeCensus(hour));
  }
}, 20 * 60_000);
afterAll(() => crowd?.stop());

describe('over 72 hours with 500 workloads and 10,000 triggers', () => {
  it('really made records and incidents by the thousand, of every outcome', () => {
    expect(crowd.triggers).toBe(TRIGGERS);
    const [most] = censuses.toSorted((a, b) => b.records - a.records) as [Census];
    expect(created.healingactions.length).toBeGreaterThan(3_000);
    expect(created.healingactions.length).toBeGreaterThan(3 * most.records);
    expect(created.incidents.length).toBeGreaterThan(3 * most.incidents);
    const deleted = [...reasons.keys()].join(', ');
    for (const outcome of [
      'healingactions Succeeded Effective',
      'healingactions Failed Ineffective',
      'incidents Resolved Effective',
      'incidents Escalated',
    ]) {
      expect(deleted).toContain(outcome);
    }
  });

  it('keeps the records inside the bound at every hour', () => {
    expect(censuses).toHaveLength(HOURS);
    expect(censuses.filter(({ records, recordBound }) => records > recordBound)).toEqual([]);
    expect(
      censuses.filter(
        ({ oldSuccessful, oldFailed }) =>
          oldSuccessful > LIMITS.successful || oldFailed > LIMITS.failed,
      ),
    ).toEqual([]);
  });

  it('keeps the incidents inside the bound at every hour', () => {
    expect(censuses.filter(({ incidents, incidentBound }) => incidents > incidentBound)).toEqual(
      [],
    );
    const most = LIMITS.successful + LIMITS.failed;
    expect(censuses.filter(({ oldIncidents }) => oldIncidents > most)).toEqual([]);
  });

  it('deletes nothing that a window still looks back on, and nothing that is open', () => {
    expect(reasons.size).toBeGreaterThan(0);
    expect(deletedTooSoon).toEqual([]);
  });
});
