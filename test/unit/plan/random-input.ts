// SPDX-License-Identifier: Apache-2.0
/**
 * Random inputs for the guards: the valid input with any of its parts replaced, from plausible to
 * absurd. Mostly valid, so that a good part of them still goes.
 */
import fc from 'fast-check';
import { known, unknown } from '../../../src/domain/fact.ts';
import type { ActionSummary, PodFacts } from '../../../src/domain/healing.ts';
import type { GuardInput } from '../../../src/plan/guard.ts';
import {
  container,
  FACTS,
  HOUR,
  NOW,
  plan,
  pod,
  points,
  policy,
  policySpec,
  record,
  type SpecPatch,
  valid,
  workload,
} from './valid-input.ts';

const number = fc.oneof(
  fc.integer({ min: -2, max: 20 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1e300, 1e300, 0.5),
);
const time = fc.oneof(
  fc.integer({ min: -24 * HOUR, max: HOUR }).map((ms) => NOW + ms),
  fc.constantFrom(Number.NaN, 0, Number.MAX_SAFE_INTEGER, -1),
);
const nullableTime = fc.option(time, { freq: 2 });
const text = fc.oneof(
  fc.constantFrom('', 'false', 'true', 'enabled', 'disabled', 'Observe', 'web', 'app', '\u{1f4a5}'),
  fc.string({ maxLength: 8 }),
);
const marks = fc.dictionary(
  fc.oneof(
    fc.constantFrom(
      'homeostat.dev/protected',
      'homeostat.dev/heal',
      'homeostat.dev/freeze',
      'homeostat.dev/max-mode',
      '__proto__',
    ),
    fc.string({ maxLength: 5 }),
  ),
  text,
  { maxKeys: 2 },
);
const duration = fc.constantFrom('0s', '1ms', '1s', '90s', '1.5h', '8760h', '99999999999h');
const limit = fc.constantFrom(0, 1, 3, 1_000_000, '0%', '51%', '100%', '2');

const randomPod: fc.Arbitrary<PodFacts> = fc
  .record({
    uid: fc.constantFrom('pod-1', 'pod-2'),
    createdAtMs: time,
    deleting: fc.boolean(),
    phase: fc.constantFrom('Running', 'Pending', 'Failed', ''),
    labels: marks,
    annotations: marks,
    isStatic: fc.boolean(),
    containers: fc.array(
      fc
        .record({
          name: fc.constantFrom('app', 'sidecar'),
          restartCount: number,
          startedAtMs: nullableTime,
        })
        .map((patch) => ({ ...container, ...patch })),
      { maxLength: 3 },
    ),
  })
  .map((patch) => ({ ...pod, ...patch }));

const randomRecord: fc.Arbitrary<ActionSummary> = fc
  .record({
    policyUid: fc.constantFrom('policy-1', 'policy-2'),
    action: fc.constantFrom('restart', 'rollback'),
    workloadUid: fc.constantFrom('workload-1', 'workload-2'),
    live: fc.boolean(),
    phase: fc.constantFrom(
      'Planned',
      'Succeeded',
      'Failed',
      'Inconclusive',
      'Simulated',
      'Blocked',
    ),
    open: fc.boolean(),
    lineageGeneration: number,
    createdAtMs: time,
    actedAtMs: nullableTime,
    finishedAtMs: nullableTime,
  })
  .map((patch) => ({ ...record, ...patch }));

const safety = fc.record(
  {
    maxConcurrent: fc.integer({ min: 1, max: 3 }),
    minHealthy: limit,
    storm: fc.record({ unhealthyAbove: limit, cooldown: duration }),
    budgets: fc.array(
      fc.record({
        name: fc.constant('b'),
        max: fc.integer({ min: 0, max: 5 }),
        window: duration,
        scope: fc.constantFrom('Policy', 'Workload', 'Namespace'),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    cooldown: fc.record({ perTarget: duration, perAction: duration }),
    breaker: fc.record({
      failures: fc.integer({ min: 1, max: 4 }),
      window: duration,
      openFor: duration,
    }),
    recurrence: fc.record({ max: fc.integer({ min: 1, max: 4 }), window: duration }),
  },
  { requiredKeys: [] },
);

/** A spec that need not satisfy the schema: the guards are total on whatever has its shape. */
const randomPolicy = fc
  .record(
    {
      mode: fc.constantFrom('Observe', 'DryRun', 'Auto'),
      suspend: fc.boolean(),
      pauseRequests: fc.array(text, { maxLength: 2 }),
      priority: number,
      safety,
    },
    { requiredKeys: [] },
  )
  .map((patch: SpecPatch) => {
    const spec = policySpec();
    const changed = {
      ...spec,
      ...patch,
      safety: { ...spec.safety, ...(patch['safety'] as object) },
    };
    return { ...policy(), spec: changed as typeof spec };
  });

const randomPoints = fc.array(
  fc.record({
    timeMs: time,
    independentBytes: number,
    telemetryBytes: fc.option(number),
  }),
  { maxLength: 6 },
);

const VALUES: Readonly<Record<(typeof FACTS)[number], fc.Arbitrary<unknown>>> = {
  policy: randomPolicy,
  leadership: fc.record({ mayWrite: fc.boolean() }),
  namespace: fc.record({ name: text, labels: marks, annotations: marks }),
  target: fc.option(randomPod, { freq: 8 }),
  workload: fc.option(
    fc
      .record({
        desiredReplicas: number,
        updatedReplicas: number,
        generation: number,
        observedGeneration: number,
        labels: marks,
        annotations: marks,
      })
      .map((patch) => ({ ...workload, ...patch })),
    { freq: 8 },
  ),
  peers: fc.array(randomPod, { maxLength: 3 }),
  population: fc.record({ total: number, healthy: number }),
  stormEndedAtMs: nullableTime,
  records: fc.array(randomRecord, { maxLength: 6 }),
  corroboration: fc.record({
    quantity: fc.constantFrom('container.memory.working_set', 'container.memory.rss'),
    points: fc.oneof(randomPoints, fc.constant(points)),
    oomKilledAtMs: nullableTime,
  }),
  rivals: fc.array(
    fc.record({ name: text, uid: fc.constantFrom('policy-1', 'policy-2'), priority: number }),
    { maxLength: 2 },
  ),
  predicted: fc.array(fc.record({ readyReplicas: number, desiredReplicas: number }), {
    maxLength: 3,
  }),
  rehearsal: fc.constantFrom(
    { kind: 'accepted' },
    { kind: 'pdbBlocked', message: 'm', retryAfterMs: 0 },
    { kind: 'refused', status: 500, message: 'm' },
  ),
};

/** One fact: seldom unknown, sometimes random, mostly the valid one. */
const factOf = (name: (typeof FACTS)[number]): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 30, arbitrary: fc.constant(valid[name]) },
    { weight: 4, arbitrary: VALUES[name].map((value) => known(value, NOW, 'random')) },
    { weight: 1, arbitrary: fc.constant(unknown(`${name} is missing`)) },
  );

const evidence = fc.record({
  newestSampleMs: fc.oneof({ weight: 8, arbitrary: fc.constant(NOW - 1_000) }, time),
  sampleIntervalMs: fc.oneof({ weight: 8, arbitrary: fc.constant(15_000) }, number),
  measures: fc.constantFrom({}, { restartCount: 0 }, { restartCount: 7 }),
});

/** A random input, see the top of the file. */
export const randomInput: fc.Arbitrary<GuardInput> = fc
  .record({
    facts: fc.record(Object.fromEntries(FACTS.map((name) => [name, factOf(name)]))),
    evidence,
    live: fc.boolean(),
    recordName: fc.option(fc.constantFrom(record.name, 'own')),
    operatorMaxMode: fc.constantFrom('Observe', 'DryRun', 'Auto', 'Auto', 'Auto'),
  })
  .map(({ facts, evidence: patch, live, recordName, operatorMaxMode }) => ({
    ...valid,
    ...(facts as Partial<GuardInput>),
    recordName,
    operatorMaxMode: operatorMaxMode as GuardInput['operatorMaxMode'],
    plan: {
      ...plan,
      live,
      diagnosis: {
        ...plan.diagnosis,
        evidence: {
          ...plan.diagnosis.evidence,
          ...patch,
          measures: patch.measures as Record<string, number>,
        },
      },
    },
  }));

/** Freezes a value and all it holds, so that a guard that writes to its input throws. */
export const deepFreeze = (value: unknown): void => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const each of Object.values(value)) deepFreeze(each);
};
