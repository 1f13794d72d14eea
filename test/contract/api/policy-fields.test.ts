// SPDX-License-Identifier: Apache-2.0
// No field of a HealingPolicy is declared only: for each there is a story that ends differently when
// the field has another value. A field that the operator ignores makes its row fail; a field without
// a row fails the test at the end.
import { describe, expect, it } from 'vitest';
import { DETECTORS } from '../../../src/analyze/detectors/index.ts';
import { structuralSchema } from '../../../src/api/crd-schema.ts';
import type { HealingPolicy } from '../../../src/api/healing-policy.ts';
import { healingPolicySpecSchema } from '../../../src/api/healing-policy.ts';
import type { ActionSummary } from '../../../src/domain/healing.ts';
import { highestBudgetUsage } from '../../../src/plan/budget-usage.ts';
import { sameTarget } from '../../../src/plan/guards/same-target.ts';
import { restartLeaking } from '../../../src/plan/strategies/restart-leaking.ts';
import { fieldRows } from '../../../tools/generate/schema-rows.ts';
import {
  container,
  HOUR,
  having,
  MINUTE,
  NOW,
  plan,
  pod,
  policy,
  recordAged,
  SECOND,
  type SpecPatch,
  workload,
} from '../../unit/plan/valid-input.ts';
import {
  detectorSays,
  expiring,
  guardsSay,
  plannedFor,
  recordOf,
  settlingFor,
  verifyingFor,
} from './policy-stories.ts';

/** One field: two policies that differ in nothing else, and a story that ends differently. */
interface Row {
  readonly field: string;
  readonly one: SpecPatch;
  readonly other: SpecPatch;
  readonly ends: (policy: HealingPolicy) => unknown;
}

const web = { name: 'web', kind: 'Deployment', resourceName: 'web' };
const labelled = having({ workload: { ...workload, labels: { tier: 'front' } } });
const target = (field: string, one: SpecPatch, other: SpecPatch, input = labelled): Row => ({
  field: `targets[].${field}`,
  one: { targets: [{ ...web, ...one }] },
  other: { targets: [{ ...web, ...other }] },
  ends: (each) => guardsSay(each, input),
});
const selecting = (field: string, one: SpecPatch, other: SpecPatch): Row =>
  target(
    `selector.${field}`,
    { resourceName: undefined, selector: one },
    { resourceName: undefined, selector: other },
  );
const expression = (field: string, patch: SpecPatch): Row => {
  const front = { key: 'tier', operator: 'In', values: ['front'] };
  return selecting(
    `matchExpressions[].${field}`,
    { matchExpressions: [front] },
    { matchExpressions: [{ ...front, ...patch }] },
  );
};

const params = (name: string, one: unknown, other: unknown, ends: Row['ends']): Row => {
  const trigger = (value: unknown) => ({
    triggers: [{ name: 'leak', detector: { type: 'MemoryLeak', params: { [name]: value } } }],
  });
  const field = `triggers[].detector.params.${name}`;
  return { field, one: trigger(one), other: trigger(other), ends };
};
const plans = (each: HealingPolicy): number =>
  restartLeaking.plan({ nowMs: NOW, policy: each, mode: 'Auto', diagnoses: [plan.diagnosis] })
    .length;

const action = (field: string, one: SpecPatch, other: SpecPatch, ends: Row['ends']): Row => ({
  field: `actions[].${field}`,
  one: { actions: [{ name: 'restart', restart: {}, ...one }] },
  other: { actions: [{ name: 'restart', restart: {}, ...other }] },
  ends,
});

type Story = (each: HealingPolicy) => unknown;
/** What the guards say when these records lie in the namespace. */
const after =
  (...records: readonly ActionSummary[]): Story =>
  (each) =>
    guardsSay(each, having({ records }));
const safety = (path: string, one: unknown, other: unknown, ends: Story): Row => {
  const [group, name] = path.split('.') as [string, string | undefined];
  const patch = (value: unknown) => ({
    safety: { [group]: name === undefined ? value : { [name]: value } },
  });
  return { field: `safety.${path}`, one: patch(one), other: patch(other), ends };
};
const budget = (field: string, one: SpecPatch, other: SpecPatch, ends: Story): Row => {
  const only = { name: 'one', max: 1, scope: 'Namespace' };
  const patch = (change: SpecPatch) => ({ safety: { budgets: [{ ...only, ...change }] } });
  return { field: `safety.budgets[].${field}`, one: patch(one), other: patch(other), ends };
};

const elsewhere = { policyUid: 'policy-2', workloadUid: 'workload-2' };
const failures = [20, 30, 40].map((minutes) => recordAged(minutes * MINUTE, { phase: 'Failed' }));
/** A replacement of the third generation that leaks again. */
const thirdAgain: Story = (each) =>
  guardsSay(
    each,
    having({
      target: {
        ...pod,
        createdAtMs: NOW - 3 * HOUR,
        containers: [{ ...container, startedAtMs: NOW - 3 * HOUR }],
      },
      records: [recordAged(4 * HOUR, { lineageGeneration: 3 })],
    }),
  );
const verify = (name: string, one: unknown, other: unknown, ends: Story): Row => ({
  field: `verify.${name}`,
  one: { verify: { [name]: one } },
  other: { verify: { [name]: other } },
  ends,
});
const history = (name: string, one: unknown, other: unknown, ends: Story): Row => ({
  field: `history.${name}`,
  one: { history: { [name]: one } },
  other: { history: { [name]: other } },
  ends,
});
/** Fields with one possible value: nothing can differ, so a test of its own says what they do. */
const WITHOUT_CHOICE = ['actions[].restart'];
const DAY = 24 * HOUR;
const NONE = { perTarget: '0s', perAction: '0s' };

const ROWS: readonly Row[] = [
  { field: 'mode', one: { mode: 'Auto' }, other: { mode: 'DryRun' }, ends: guardsSay },
  { field: 'suspend', one: { suspend: false }, other: { suspend: true }, ends: guardsSay },
  {
    field: 'pauseRequests',
    one: { pauseRequests: [] },
    other: { pauseRequests: ['ops'] },
    ends: guardsSay,
  },
  {
    field: 'priority',
    one: { priority: 1 },
    other: { priority: 0 },
    ends: (each) =>
      guardsSay(each, having({ rivals: [{ name: 'other', uid: 'policy-2', priority: 0 }] })),
  },
  // Which workloads and containers.
  {
    field: 'targets[].name',
    one: { targets: [{ ...web, name: 'one', containers: ['sidecar'] }] },
    other: { targets: [{ ...web, name: 'two', containers: ['sidecar'] }] },
    // A name is for people: it stands in the sentence that says which target left the container out.
    ends: (each) => sameTarget.check(having({ policy: each })),
  },
  target(
    'apiVersion',
    {},
    // The schema takes no other; the row shows that the field is compared and not the kind alone.
    { apiVersion: 'example.com/v1' },
  ),
  target('kind', {}, { kind: 'StatefulSet' }),
  target('resourceName', {}, { resourceName: 'other' }),
  selecting('matchLabels', { matchLabels: { tier: 'front' } }, { matchLabels: { tier: 'back' } }),
  expression('key', { key: 'stage' }),
  expression('operator', { operator: 'NotIn' }),
  expression('values', { values: ['back'] }),
  target(
    'exclude.names',
    { resourceName: undefined, selector: {}, exclude: { names: ['other'] } },
    { resourceName: undefined, selector: {}, exclude: { names: ['web'] } },
  ),
  target('containers', { containers: ['app'] }, { containers: ['sidecar'] }),
  // What triggers.
  {
    field: 'triggers[].name',
    one: {},
    other: { triggers: [{ name: 'other', detector: { type: 'MemoryLeak' } }] },
    ends: plans,
  },
  {
    field: 'triggers[].detector.type',
    one: {},
    // The schema takes registered detectors only; the row shows that a finding of another is ignored.
    other: {
      triggers: [
        {
          name: 'leak',
          detector: { type: 'Other', params: { horizon: '30m', resolution: '5m' } },
        },
      ],
    },
    ends: plans,
  },
  params('horizon', '30m', '9m', plans),
  params('resolution', '5m', '1m', (each) =>
    // A container that started three minutes after the window began: inside the first bucket, or not.
    guardsSay(
      each,
      having({
        target: {
          ...pod,
          containers: [{ ...container, startedAtMs: NOW - 2 * HOUR + 3 * MINUTE }],
        },
      }),
    ),
  ),
  params('minSlopeBytesPerHour', 0, 2 ** 40, detectorSays),
  // What is done.
  action('name', {}, { name: 'other' }, guardsSay),
  action('timeout', { timeout: '10m' }, { timeout: '20m' }, (each) =>
    plannedFor(each, 11 * MINUTE),
  ),
  action('settle', { settle: '2m' }, { settle: '5m' }, (each) => settlingFor(each, 3 * MINUTE)),
  // How far that may go.
  safety('maxConcurrent', 1, 2, (each) =>
    guardsSay(
      { ...each, spec: { ...each.spec, safety: { ...each.spec.safety, cooldown: NONE } } },
      having({ records: [recordAged(HOUR, { open: true, actedAtMs: null, finishedAtMs: null })] }),
    ),
  ),
  safety('minHealthy', '51%', 3, guardsSay),
  safety('storm.unhealthyAbove', '40%', '60%', (each) =>
    guardsSay(each, having({ population: { total: 10, healthy: 5 } })),
  ),
  safety('storm.cooldown', '5m', '3m', (each) =>
    guardsSay(each, having({ stormEndedAtMs: NOW - 4 * MINUTE })),
  ),
  budget('name', {}, { name: 'two' }, (each) =>
    // A name is for people: the status says which budget is used how far.
    each.spec.safety.budgets.map((one) => highestBudgetUsage(one, [], 'policy-1', NOW)),
  ),
  budget('max', { max: 1 }, { max: 2 }, after(recordAged(30 * MINUTE))),
  budget('window', { window: '1h' }, { window: '20m' }, after(recordAged(30 * MINUTE))),
  budget('scope', {}, { scope: 'Policy' }, after(recordAged(30 * MINUTE, elsewhere))),
  safety('cooldown.perTarget', '10m', '30m', after(recordAged(20 * MINUTE))),
  safety(
    'cooldown.perAction',
    '5m',
    '30m',
    after(recordAged(20 * MINUTE, { workloadUid: 'workload-2' })),
  ),
  safety('breaker.failures', 3, 4, after(...failures)),
  safety('breaker.window', '4h', '15m', after(...failures)),
  safety('breaker.openFor', '1h', '10m', after(...failures)),
  safety('recurrence.max', 3, 4, thirdAgain),
  safety('recurrence.window', '6h', '3h', thirdAgain),
  // How it is proven that it helped.
  verify('initialDelay', '30s', '5m', (each) => verifyingFor(each, 12 * MINUTE, 9)),
  verify('window', '10m', '20m', (each) => verifyingFor(each, 12 * MINUTE, 9)),
  verify('interval', '15s', '60s', (each) => verifyingFor(each, 5 * MINUTE, 9)),
  verify('minSamples', 5, 10, (each) => verifyingFor(each, 12 * MINUTE, 9)),
  // How much is kept.
  history('successfulActionsLimit', 1, 2, (each) =>
    expiring(each, [
      ['Succeeded', DAY],
      ['Succeeded', 2 * DAY],
    ]),
  ),
  history('failedActionsLimit', 1, 2, (each) =>
    expiring(each, [
      ['Failed', DAY],
      ['Failed', 2 * DAY],
    ]),
  ),
  history('ttl', '168h', '24h', (each) => expiring(each, [['Succeeded', 2 * DAY]])),
];

/** The policy of a row: what the schema takes is parsed by it, the rest is put in as it stands. */
const policyOf = (patch: SpecPatch): HealingPolicy => {
  try {
    return policy(patch);
  } catch {
    const base = policy();
    return { ...base, spec: { ...base.spec, ...patch } as HealingPolicy['spec'] };
  }
};

describe('every field of a HealingPolicy changes what happens', () => {
  it.each(ROWS)('$field', ({ one, other, ends }) => {
    const [first, second] = [ends(policyOf(one)), ends(policyOf(other))];
    expect(second).not.toEqual(first);
  });

  it('and has a row above', () => {
    const all = fieldRows(structuralSchema(healingPolicySpecSchema, 'spec'), 'spec').map(
      ({ path }) => path.replace(/^spec\./, ''),
    );
    // A leaf: nothing lies below it.
    const leaves = all.filter(
      (path) => !all.some((each) => each.startsWith(`${path}.`) || each.startsWith(`${path}[]`)),
    );
    expect(leaves.length).toBeGreaterThan(35);
    const told = [...ROWS.map(({ field }) => field), ...WITHOUT_CHOICE];
    expect(leaves.filter((path) => !told.includes(path))).toEqual([]);
    expect(told.filter((field) => !leaves.includes(field))).toEqual([]);
  });

  it('and `restart`, which is an empty object, says which action the record carries out', () => {
    const { action: recorded, intents } = recordOf(policy()).spec;
    expect(recorded).toEqual({ restart: {} });
    expect(intents.map(({ verb }) => verb)).toEqual(['evict']);
  });

  it('names no detector that does not exist', () => {
    const type = structuralSchema(healingPolicySpecSchema, 'spec').properties?.['triggers']?.items
      ?.properties?.['detector']?.properties?.['type'];
    // Not equal: a new detector enters the CRD by the registry, without an edit of the schema.
    expect(type?.enum).not.toEqual([]);
    expect(DETECTORS.map(({ id }) => id)).toEqual(
      expect.arrayContaining([...(type?.enum ?? ['?'])]),
    );
  });

  it('tells its stories with a second to spare on either side', () => {
    // The stories above stand well clear of each limit; these stand right beside one.
    const ends = (patch: SpecPatch, story: Story) => story(policyOf(patch));
    expect(ends({}, (each) => settlingFor(each, 2 * MINUTE - SECOND))).toBe('wait 1000');
    expect(ends({}, (each) => settlingFor(each, 2 * MINUTE))).toBe('Failed');
    expect(ends({}, (each) => plannedFor(each, 10 * MINUTE - SECOND))).toBe('decide');
    expect(ends({}, (each) => plannedFor(each, 10 * MINUTE))).toBe('Blocked');
    expect(ends({}, (each) => verifyingFor(each, 10.5 * MINUTE - SECOND, 9))).toBe('wait 1000');
    expect(ends({}, (each) => verifyingFor(each, 10.5 * MINUTE, 9))).toBe('Succeeded');
    expect(ends({}, (each) => verifyingFor(each, 10.5 * MINUTE, 4))).toBe('Inconclusive');
    expect(ends({}, detectorSays)).toBe('leak');
  });
});
