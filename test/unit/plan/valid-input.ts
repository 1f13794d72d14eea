// SPDX-License-Identifier: Apache-2.0
/**
 * A complete input that every guard passes, and small changes to it. Each row of a guard's table
 * starts here and changes one thing.
 */
import { type HealingPolicy, healingPolicySpecSchema } from '../../../src/api/healing-policy.ts';
import { known, unknown } from '../../../src/domain/fact.ts';
import type { ActionSummary, Plan, PodFacts, WorkloadFacts } from '../../../src/domain/healing.ts';
import type { GuardInput } from '../../../src/plan/guard.ts';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
/** Now, in every test of guards. */
export const NOW = Date.UTC(2026, 5, 1, 12);
const MIB = 2 ** 20;

export const WORKLOAD = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  namespace: 'shop',
  name: 'web',
  uid: 'workload-1',
} as const;

const POD = { namespace: 'shop', name: 'web-1', uid: 'pod-1' } as const;

/** What a user may write in a spec, nested. */
export type SpecPatch = Readonly<Record<string, unknown>>;

export const policySpec = (patch: SpecPatch = {}) =>
  healingPolicySpecSchema.parse({
    mode: 'Auto',
    targets: [{ name: 'web', kind: 'Deployment', resourceName: 'web' }],
    triggers: [{ name: 'leak', detector: { type: 'MemoryLeak' } }],
    actions: [{ name: 'restart', restart: {} }],
    ...patch,
  });

export const policy = (patch: SpecPatch = {}): HealingPolicy => ({
  metadata: {
    name: 'leaks',
    namespace: 'shop',
    uid: 'policy-1',
    resourceVersion: '7',
    generation: 1,
    creationTimestamp: '2026-05-01T00:00:00Z',
  },
  spec: policySpec(patch),
});

export const container: PodFacts['containers'][number] = {
  name: 'app',
  restartCount: 0,
  startedAtMs: NOW - 5 * HOUR,
  memoryLimitBytes: 512 * MIB,
  lastTermination: null,
};

export const pod: PodFacts = {
  ...POD,
  resourceVersion: '42',
  createdAtMs: NOW - 5 * HOUR,
  deleting: false,
  ready: true,
  phase: 'Running',
  labels: { app: 'web' },
  annotations: {},
  nodeName: 'node-1',
  isStatic: false,
  containers: [container],
  templateHash: 'abc',
};

export const workload: WorkloadFacts = {
  ref: WORKLOAD,
  desiredReplicas: 3,
  readyReplicas: 3,
  updatedReplicas: 3,
  generation: 4,
  observedGeneration: 4,
  labels: {},
  annotations: {},
};

export const plan: Plan = {
  policyUid: 'policy-1',
  incident: 'memory-leak-aaaa',
  step: { index: 0, name: 'restart', action: 'restart' },
  target: { pod: POD, workload: WORKLOAD, container: 'app' },
  diagnosis: {
    incident: 'memory-leak-aaaa',
    cause: 'MemoryLeak',
    subject: { pod: POD, workload: WORKLOAD, container: 'app' },
    evidence: {
      detector: 'MemoryLeak',
      trigger: {
        policyUid: 'policy-1',
        policyNamespace: 'shop',
        policyName: 'leaks',
        trigger: 'leak',
      },
      subject: { pod: POD, workload: WORKLOAD, container: 'app' },
      classification: 'leak',
      firing: true,
      quantity: 'container.memory.working_set',
      window: { fromMs: NOW - 2 * HOUR, toMs: NOW - 10 * SECOND },
      newestSampleMs: NOW - 10 * SECOND,
      sampleIntervalMs: 15 * SECOND,
      samples: 480,
      summary: 'working set of app grows by 60 MiB an hour',
      measures: { restartCount: 0, lower80TimeToOomMs: 10 * MINUTE },
    },
  },
  live: true,
};

/** A record of a restart that helped, twelve hours ago: outside every default window. */
export const record: ActionSummary = {
  name: 'restart-old',
  policyUid: 'policy-1',
  policyName: 'leaks',
  action: 'restart',
  cause: 'MemoryLeak',
  targetUid: 'pod-0',
  workloadUid: WORKLOAD.uid,
  container: 'app',
  live: true,
  phase: 'Succeeded',
  reason: 'Effective',
  open: false,
  lineageGeneration: 1,
  attempt: 1,
  createdAtMs: NOW - 12 * HOUR,
  actedAtMs: NOW - 12 * HOUR,
  finishedAtMs: NOW - 12 * HOUR + 10 * MINUTE,
};

/** The same record, as if it had acted `ageMs` ago. */
export const recordAged = (ageMs: number, patch: Partial<ActionSummary> = {}): ActionSummary => ({
  ...record,
  name: `restart-${ageMs}`,
  createdAtMs: NOW - ageMs,
  actedAtMs: NOW - ageMs,
  finishedAtMs: NOW - ageMs,
  ...patch,
});

/** Growth of 60 MiB an hour, seen by both sources every ten seconds for 90 minutes. */
export const points = Array.from({ length: 540 }, (_, i) => {
  const timeMs = NOW - 90 * MINUTE + i * 10 * SECOND;
  const bytes = (100 + ((timeMs - NOW) / HOUR + 2) * 60) * MIB;
  return { timeMs, independentBytes: bytes, telemetryBytes: bytes };
});

const fact = <T>(value: T) => known(value, NOW, 'test');

/** The complete valid input. */
export const valid: GuardInput = {
  nowMs: NOW,
  plan,
  recordName: null,
  policy: fact(policy()),
  operatorNamespace: 'homeostat-system',
  operatorMaxMode: 'Auto',
  leadership: fact({ mayWrite: true }),
  namespace: fact({ name: 'shop', labels: {}, annotations: {} }),
  target: fact<PodFacts | null>(pod),
  workload: fact<WorkloadFacts | null>(workload),
  peers: fact([pod]),
  population: fact({ total: 3, healthy: 3 }),
  stormEndedAtMs: fact<number | null>(null),
  records: fact([record]),
  corroboration: fact({ quantity: 'container.memory.working_set', points, oomKilledAtMs: null }),
  rivals: fact([]),
  predicted: fact([
    { readyReplicas: 3, desiredReplicas: 3 },
    { readyReplicas: 2, desiredReplicas: 3 },
    { readyReplicas: 3, desiredReplicas: 3 },
  ]),
  rehearsal: fact({ kind: 'accepted' as const }),
};

/** Names of the facts of an input. */
export const FACTS = [
  'policy',
  'leadership',
  'namespace',
  'target',
  'workload',
  'peers',
  'population',
  'stormEndedAtMs',
  'records',
  'corroboration',
  'rivals',
  'predicted',
  'rehearsal',
] as const;

type FactName = (typeof FACTS)[number];
type Value<K extends FactName> = Extract<GuardInput[K], { kind: 'known' }>['value'];

/** Replaces facts of an input by other values. */
export const having = (
  values: { readonly [K in FactName]?: Value<K> },
  base: GuardInput = valid,
): GuardInput => ({
  ...base,
  ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fact(value)])),
});

/** Makes a fact of an input unknown. */
export const missing = (name: FactName, base: GuardInput = valid): GuardInput => ({
  ...base,
  [name]: unknown(`${name} could not be read: connection refused`),
});

/** The same input for a simulated plan. */
export const simulated = (base: GuardInput = valid): GuardInput => ({
  ...base,
  plan: { ...base.plan, live: false },
});
