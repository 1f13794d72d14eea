// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HealingAction } from '../../../src/api/healing-action.ts';
import { type HealingPolicy, healingPolicySpecSchema } from '../../../src/api/healing-policy.ts';
import type { Incident } from '../../../src/api/incident.ts';
import { deletion, expire, longestWindowMs } from '../../../src/execute/expire.ts';
import { record, SPEC } from './records.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-10T12:00:00Z');
const at = (ageMs: number): string => new Date(NOW - ageMs).toISOString();

const policy = (history: object = {}, uid = 'policy-1'): HealingPolicy => ({
  metadata: {
    name: 'web-leaks',
    namespace: 'shop',
    uid,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: at(0),
  },
  spec: healingPolicySpecSchema.parse({
    targets: [{ name: 'web', kind: 'Deployment', resourceName: 'web' }],
    triggers: [{ name: 'leak', detector: { type: 'MemoryLeak' } }],
    actions: [{ name: 'restart', restart: {} }],
    history,
  }),
});

const ended = (
  name: string,
  ageMs: number,
  phase: 'Succeeded' | 'Failed' | 'Simulated' | 'Blocked' | 'Inconclusive' = 'Succeeded',
  policyUid = 'policy-1',
): HealingAction =>
  record(
    { phase, finishedAt: at(ageMs) },
    { metadata: { name, uid: name }, spec: { policyRef: { ...SPEC.policyRef, uid: policyUid } } },
  );

const incident = (
  name: string,
  state: 'Open' | 'Resolved' | 'Escalated',
  ageMs: number,
): Incident => ({
  metadata: { ...policy().metadata, name, uid: name },
  spec: {
    policyRef: SPEC.policyRef,
    detector: 'MemoryLeak',
    trigger: 'leak',
    subject: {
      workload: SPEC.workload,
      pod: { name: 'web-1', uid: 'pod-1' },
      container: 'app',
      restartCount: 0,
    },
  },
  status: {
    state,
    openedAt: at(ageMs + HOUR),
    ...(state === 'Open' ? {} : { closedAt: at(ageMs) }),
  },
});

const names = (input: Partial<Parameters<typeof expire>[0]>) => {
  const expired = expire({
    nowMs: NOW,
    policies: [policy()],
    records: [],
    incidents: [],
    ...input,
  });
  return {
    records: expired.records.map(({ name }) => name),
    incidents: expired.incidents.map(({ name }) => name),
  };
};

describe('longestWindowMs', () => {
  it('is the longest time for which a limit looks back', () => {
    // Recurrence 6 h, breaker 4 h and one hour open.
    expect(longestWindowMs([policy()])).toBe(6 * HOUR);
  });
});

describe('expire', () => {
  it('keeps everything inside the longest window, whatever the history limits say', () => {
    const strict = policy({ successfulActionsLimit: 0, failedActionsLimit: 0, ttl: '1s' });
    const records = [ended('young', 6 * HOUR), ended('old', 7 * HOUR)];
    expect(names({ policies: [strict], records }).records).toEqual(['old']);
  });

  it('looks at the windows of every policy, since a budget may count the whole namespace', () => {
    const strict = policy({ successfulActionsLimit: 0 });
    const other = policy({}, 'policy-2');
    const patient = {
      ...other,
      spec: {
        ...other.spec,
        safety: { ...other.spec.safety, recurrence: { max: 3, window: '24h' } },
      },
    };
    const records = [ended('a', 20 * HOUR)];
    expect(names({ policies: [strict], records }).records).toEqual(['a']);
    expect(names({ policies: [strict, patient], records }).records).toEqual([]);
  });

  it('keeps the newest of each class up to its limit', () => {
    const limited = policy({ successfulActionsLimit: 1, failedActionsLimit: 2 });
    const records = [
      ended('good-new', 10 * HOUR),
      ended('good-old', 11 * HOUR, 'Simulated'),
      ended('bad-new', 10 * HOUR, 'Failed'),
      ended('bad-old', 12 * HOUR, 'Blocked'),
      ended('bad-oldest', 13 * HOUR, 'Inconclusive'),
    ];
    expect(names({ policies: [limited], records }).records).toEqual(['good-old', 'bad-oldest']);
  });

  it('lets go what is older than the ttl', () => {
    const records = [ended('a', 167 * HOUR), ended('b', 169 * HOUR)];
    expect(names({ records }).records).toEqual(['b']);
  });

  it('keeps what belongs to a deleted policy for a week', () => {
    const records = [
      ended('a', 167 * HOUR, 'Failed', 'gone'),
      ended('b', 169 * HOUR, 'Failed', 'gone'),
    ];
    expect(names({ policies: [], records }).records).toEqual(['b']);
  });

  it('never touches an open record', () => {
    const open = record(
      { phase: 'Executing' },
      { metadata: { creationTimestamp: at(1000 * HOUR) } },
    );
    expect(names({ records: [open, record()] }).records).toEqual([]);
  });

  it('lets closed incidents go, but no open one and none that an open record speaks of', () => {
    const incidents = [
      incident('open', 'Open', 200 * HOUR),
      incident('old', 'Escalated', 200 * HOUR),
      incident('young', 'Resolved', HOUR),
      incident('incident-1', 'Resolved', 200 * HOUR),
    ];
    expect(names({ records: [record()], incidents }).incidents).toEqual(['old']);
  });

  it('keeps what cannot be dated', () => {
    const undated = record({ phase: 'Failed' }, { metadata: { creationTimestamp: '' } });
    expect(names({ records: [undated] }).records).toEqual([]);
  });

  it('bounds growth: the history limits and what lies inside the longest window', () => {
    const arrivals = fc.array(
      fc.record({
        ageMs: fc.integer({ min: 0, max: 400 * HOUR }),
        phase: fc.constantFrom('Succeeded' as const, 'Failed' as const),
        policy: fc.constantFrom('policy-1', 'policy-2'),
      }),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(arrivals, fc.nat(10), fc.nat(10), (all, good, bad) => {
        const limits = { successfulActionsLimit: good, failedActionsLimit: bad };
        const policies = [policy(limits), policy(limits, 'policy-2')];
        const records = all.map((each, index) =>
          ended(`r-${index}`, each.ageMs, each.phase, each.policy),
        );
        const gone = new Set(names({ policies, records }).records);
        const kept = records.filter(({ metadata }) => !gone.has(metadata.name));
        // A minute of slack for the clocks of others.
        const windowMs = longestWindowMs(policies) + 60_000;
        const isInside = ({ status }: HealingAction) =>
          NOW - Date.parse(status?.finishedAt ?? '') <= windowMs;
        expect(kept.filter((each) => !isInside(each)).length).toBeLessThanOrEqual(
          policies.length * (good + bad),
        );
        // Nothing that a limit still counts is lost.
        expect(records.filter(isInside).every(({ metadata }) => !gone.has(metadata.name))).toBe(
          true,
        );
      }),
    );
  });
});

describe('deletion', () => {
  it('deletes exactly the version that was judged', () => {
    const expired = { namespace: 'shop', name: 'x', uid: 'u', resourceVersion: '9' };
    expect(deletion('healingactions', expired)).toMatchObject({
      verb: 'delete',
      resource: 'healingactions',
      name: 'x',
      body: { preconditions: { uid: 'u', resourceVersion: '9' } },
    });
  });
});
