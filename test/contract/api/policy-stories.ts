// SPDX-License-Identifier: Apache-2.0
/**
 * Small stories in which a policy decides what happens: told to the pure functions that the operator
 * itself runs. Each returns what happened in one or two words, never a sentence that quotes a limit.
 */
import { memoryLeak } from '../../../src/analyze/detectors/memory-leak.ts';
import type { HealingAction } from '../../../src/api/healing-action.ts';
import type { HealingPolicy } from '../../../src/api/healing-policy.ts';
import { known } from '../../../src/domain/fact.ts';
import { restart } from '../../../src/execute/actions/restart.ts';
import { expire } from '../../../src/execute/expire.ts';
import { begin, step } from '../../../src/execute/protocol.ts';
import type { Request, Transition } from '../../../src/execute/protocol-state.ts';
import { recordCreation } from '../../../src/execute/record.ts';
import { decide } from '../../../src/plan/decide.ts';
import type { GuardInput } from '../../../src/plan/guard.ts';
import { bucketsOf, factsOf, sliceBuckets, viewOf } from '../../unit/knowledge/view-of.ts';
import { having, NOW, plan, pod, SECOND, valid, workload } from '../../unit/plan/valid-input.ts';

const MIB = 2 ** 20;
const iso = (ms: number): string => new Date(ms).toISOString();

/** What the guards say: `go`, a block reason, or the guard that misses a fact. */
export const guardsSay = (policy: HealingPolicy, base: GuardInput = valid): string => {
  const decision = decide(having({ policy }, base));
  return decision.kind === 'refused' ? decision.reason : decision.kind;
};

/** The record that the executor would write for the valid plan. */
export const recordOf = (policy: HealingPolicy): HealingAction => {
  const creation = recordCreation({
    facts: having({ policy }),
    policy,
    action: restart,
    target: pod,
    peers: [pod],
    workload,
    predicted: [],
    attempt: 1,
    lineageGeneration: 1,
    fencing: { leaseName: 'homeostat', epoch: 1, holder: 'me' },
  });
  if (creation === null) throw new Error('the policy has no step or trigger of the plan');
  const { spec, metadata } = creation.body as HealingAction;
  return {
    metadata: {
      ...metadata,
      uid: 'record-1',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: iso(NOW),
    },
    spec,
  };
};

const now = (afterMs: number) => ({ wallMs: NOW + afterMs, monoMs: afterMs });
const SELF = { epoch: 1, holder: 'me' };

/** Names what the protocol wants: the phase that it writes, or the kind of its question. */
const wanted = (request: Request): string => {
  if (request.kind === 'wait') return `wait ${request.ms}`;
  if (request.kind !== 'kube') return request.kind;
  const { status } = (request.request.body ?? {}) as { status?: { phase: string } };
  return status?.phase ?? request.request.verb;
};

/** What becomes of a record that was never admitted, after so many ms. */
export const plannedFor = (policy: HealingPolicy, afterMs: number): string =>
  wanted(begin(recordOf(policy), SELF, now(afterMs)).request);

/** What becomes of a record whose replacement is still missing so many ms after the eviction. */
export const settlingFor = (policy: HealingPolicy, afterMs: number): string => {
  const record: HealingAction = {
    ...recordOf(policy),
    status: { phase: 'Settling', fence: SELF, admittedAt: iso(NOW), actedAt: iso(NOW) },
  };
  const begun = begin(record, SELF, now(0));
  const observed = { kind: 'observation', pods: known([], NOW, 'test') } as const;
  return wanted(step(begun.state, observed, now(afterMs)).request);
};

const REPLACEMENT = {
  metadata: {
    namespace: 'shop',
    name: 'web-2',
    uid: 'pod-2',
    resourceVersion: '50',
    creationTimestamp: iso(NOW + SECOND),
  },
  spec: { containers: [{ name: 'app', resources: { limits: { memory: '512Mi' } } }] },
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: iso(NOW + 2 * SECOND) }],
    containerStatuses: [
      { name: 'app', restartCount: 0, state: { running: { startedAt: iso(NOW + SECOND) } } },
    ],
  },
};

/**
 * What a check concludes so many ms after the replacement was Ready, with so many samples of 100 MiB,
 * when the generation before grew by 1 MiB a minute: out of memory after about seven hours.
 */
export const verifyingFor = (policy: HealingPolicy, afterMs: number, samples: number): string => {
  const record = recordOf(policy);
  const measures = { slopeBytesPerSecond: String(MIB / 60), limitBytes: String(512 * MIB) };
  const verifying: HealingAction = {
    ...record,
    spec: { ...record.spec, cause: { ...record.spec.cause, measures } },
    status: {
      phase: 'Verifying',
      fence: SELF,
      admittedAt: iso(NOW),
      actedAt: iso(NOW),
      replacement: { name: 'web-2', uid: 'pod-2', readyAt: iso(NOW + 2 * SECOND) },
      verification: { startedAt: iso(NOW), samples: 0 },
    },
  };
  const at = now(afterMs);
  const quantity = 'container.memory.working_set' as const;
  const row = {
    quantity,
    count: samples,
    newestMs: at.wallMs,
    newestValue: 0,
    floorBytes: 100 * MIB,
  };
  const answer = {
    kind: 'answer',
    answer: { kind: 'samples', quantities: samples === 0 ? [] : [row] },
  } as const;
  const ok = { kind: 'kube', reply: { kind: 'ok', status: 200, body: REPLACEMENT } } as const;
  let told: Transition = begin(verifying, SELF, now(0));
  told = step(told.state, { kind: 'woken' }, at);
  while (told.request.kind === 'query' || told.request.kind === 'kube') {
    const asked = told.request;
    if (asked.kind === 'kube' && asked.request.verb !== 'get') break;
    told = step(told.state, asked.kind === 'kube' ? ok : answer, at);
  }
  return wanted(told.request);
};

/** Which of the records, ended so many ms ago with these phases, may be deleted. */
export const expiring = (
  policy: HealingPolicy,
  ended: readonly (readonly [phase: 'Succeeded' | 'Failed', agoMs: number])[],
): readonly string[] => {
  const record = recordOf(policy);
  const records = ended.map(([phase, agoMs], i): HealingAction => {
    const metadata = { ...record.metadata, name: `${phase}-${i}` };
    return { ...record, metadata, status: { phase, finishedAt: iso(NOW - agoMs) } };
  });
  const input = { nowMs: NOW, policies: [policy], records, incidents: [] };
  return expire(input).records.map(({ name }) => name);
};

/** What the detector calls a growth of 2 MiB per bucket of two seconds, played for 80 buckets. */
export const detectorSays = (policy: HealingPolicy): string => {
  const [trigger] = policy.spec.triggers;
  const params = { ...trigger?.detector.params, resolution: '2s' };
  const bound = memoryLeak.bind(params, plan.diagnosis.evidence.trigger);
  const [buckets, startMs, stepMs] = [80, 2_000_000, 2_000];
  const timeMs = Array.from({ length: buckets * 5 }, (_, i) => startMs + (i + 0.5) * 400);
  const samples = { timeMs, value: timeMs.map((time) => (60 + (time - startMs) / 1_000) * MIB) };
  const series = bucketsOf(samples, { startMs, stepMs, length: buckets });
  let said = '';
  for (let age = 2; age <= buckets; age += 2) {
    const gauge = {
      buckets: sliceBuckets(series, 0, age),
      newestSampleMs: startMs + age * stepMs - 200,
      newestValue: series.median[age - 1] as number,
      sampleIntervalMs: 400,
      samples: age * 5,
    };
    const facts = factsOf({
      memoryLimitBytes: 256 * MIB,
      startedAtMs: startMs,
      podCreatedAtMs: startMs,
    });
    const view = viewOf(stepMs, [{ facts, gauges: { 'container.memory.working_set': gauge } }]);
    said = bound.detect(view, startMs + age * stepMs)[0]?.classification ?? said;
  }
  return said;
};
