// SPDX-License-Identifier: Apache-2.0
/** Builds the write-ahead record of an action, and reads records back as the limits see them. */
import type { GatheredFacts } from '../api/gathered-facts.ts';
import {
  type HealingAction,
  type HealingActionSpec,
  OPEN_PHASES,
  type Phase,
} from '../api/healing-action.ts';
import type { HealingPolicy, PolicyActionStep, PolicyTrigger } from '../api/healing-policy.ts';
import { API_VERSION } from '../api/scalars.ts';
import type { ApiRequest } from '../domain/cluster.ts';
import { hashName } from '../domain/hash-name.ts';
import type {
  ActionSummary,
  Plan,
  PodFacts,
  PredictedState,
  WorkloadFacts,
} from '../domain/healing.ts';
import type { Action } from './action.ts';

/** Where records live in the API. */
export const RECORDS = {
  group: 'homeostat.dev',
  version: 'v1alpha1',
  resource: 'healingactions',
} as const;

/** Length limits of texts that come from evidence. */
const MAX_SUMMARY = 1024;
const MAX_MEASURES = 48;
const MAX_PEERS = 256;
const MAX_PREDICTED = 8;

/** What a record's name is hashed from, apart from the attempt. */
export interface RecordKey {
  readonly policyUid: string;
  readonly incident: string;
  readonly targetUid: string;
  readonly step: string;
  readonly live: boolean;
}

/** The key of a plan's record. */
export const recordKeyOf = (plan: Plan): RecordKey => ({
  policyUid: plan.policyUid,
  incident: plan.incident,
  targetUid: plan.target.pod.uid,
  step: plan.step.name,
  live: plan.live,
});

/** Names a record; the same plan always gets the same name, so a repeated create meets the first. */
export const recordName = (policyName: string, key: RecordKey, attempt: number): string =>
  hashName(policyName, [
    key.policyUid,
    key.incident,
    key.targetUid,
    key.step,
    attempt,
    key.live ? 'live' : 'simulated',
  ]);

/** The phase of a record; one that has no status yet is Planned. */
export const phaseOf = (record: HealingAction): Phase => record.status?.phase ?? 'Planned';

/** Tells whether something is still to be done about a record. */
export const isOpen = (record: HealingAction): boolean =>
  OPEN_PHASES.some((phase) => phase === phaseOf(record));

/** The highest epoch that a record has seen. */
export const fenceEpochOf = (record: HealingAction): number =>
  Math.max(record.spec.fencing.epoch, record.status?.fence?.epoch ?? 0);

const keyOf = ({ spec }: HealingAction): RecordKey => ({
  policyUid: spec.policyRef.uid,
  incident: spec.incidentRef.name,
  targetUid: spec.target.uid,
  step: spec.step.name,
  live: spec.mode === 'Auto',
});

const isSameKey = (a: RecordKey, b: RecordKey): boolean =>
  a.policyUid === b.policyUid &&
  a.incident === b.incident &&
  a.targetUid === b.targetUid &&
  a.step === b.step &&
  a.live === b.live;

/**
 * Counts the attempt that a new record of this key would be, and finds the open one that there may be.
 * Only ended records count: while one is open its name is met again, and it is adopted.
 */
export const attemptFor = (
  records: readonly HealingAction[],
  key: RecordKey,
): { readonly attempt: number; readonly open: HealingAction | null } => {
  const same = records.filter((record) => isSameKey(keyOf(record), key));
  const highest = Math.max(
    0,
    ...same.filter((record) => !isOpen(record)).map(({ spec }) => spec.step.attempt),
  );
  return { attempt: highest + 1, open: same.find(isOpen) ?? null };
};

const timeOrNull = (text: string | undefined): number | null => {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
};

/** Reduces a record to what budgets, breaker, recurrence and cooldown count. */
export const summarise = (record: HealingAction): ActionSummary => {
  const { spec, status, metadata } = record;
  return {
    name: metadata.name,
    policyUid: spec.policyRef.uid,
    policyName: spec.policyRef.name,
    action: Object.keys(spec.action)[0] ?? '',
    cause: spec.cause.type,
    targetUid: spec.target.uid,
    workloadUid: spec.workload.uid,
    container: spec.target.container,
    live: spec.mode === 'Auto',
    phase: phaseOf(record),
    reason: status?.reason ?? null,
    open: isOpen(record),
    lineageGeneration: spec.lineageGeneration,
    attempt: spec.step.attempt,
    // A record without a readable creation time counts as just made: it holds back, it never frees.
    createdAtMs: timeOrNull(metadata.creationTimestamp) ?? Number.MAX_SAFE_INTEGER,
    actedAtMs: timeOrNull(status?.actedAt) ?? timeOrNull(status?.steps?.[0]?.sentAt),
    finishedAtMs: timeOrNull(status?.finishedAt),
  };
};

/** Everything a record is built from; all of it was read or decided just before. */
export interface RecordParts {
  readonly facts: GatheredFacts;
  readonly policy: HealingPolicy;
  readonly action: Action;
  readonly target: PodFacts;
  readonly peers: readonly PodFacts[];
  readonly workload: WorkloadFacts;
  readonly predicted: readonly PredictedState[];
  readonly attempt: number;
  readonly lineageGeneration: number;
  readonly fencing: HealingActionSpec['fencing'];
}

const measureTexts = (measures: Readonly<Record<string, number>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(measures)
      .slice(0, MAX_MEASURES)
      .map(([name, value]) => [name.slice(0, 64), String(value)]),
  );

const iso = (ms: number): string => new Date(ms).toISOString();

const limitsOf = (
  policy: HealingPolicy,
  step: PolicyActionStep,
  trigger: PolicyTrigger,
): HealingActionSpec['limits'] => ({
  timeout: step.timeout,
  settle: step.settle,
  verify: policy.spec.verify,
  horizon: trigger.detector.params.horizon,
  resolution: trigger.detector.params.resolution,
});

/** Builds `spec`; `null` when the policy no longer has the plan's step or trigger. */
const specOf = (parts: RecordParts): HealingActionSpec | null => {
  const { policy, action, target, facts } = parts;
  const { plan } = facts;
  const { evidence } = plan.diagnosis;
  const step = policy.spec.actions.find(({ name }) => name === plan.step.name);
  const trigger = policy.spec.triggers.find(({ name }) => name === evidence.trigger.trigger);
  if (step === undefined || trigger === undefined) return null;
  const { uid, resourceVersion, name, namespace } = target;
  return {
    policyRef: {
      name: policy.metadata.name,
      uid: policy.metadata.uid,
      generation: policy.metadata.generation,
    },
    incidentRef: { name: plan.incident },
    target: {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace,
      name,
      uid,
      resourceVersion,
      container: plan.target.container,
      podCreatedAt: iso(target.createdAtMs),
    },
    workload: {
      apiVersion: plan.target.workload.apiVersion,
      kind: plan.target.workload.kind,
      name: plan.target.workload.name,
      uid: plan.target.workload.uid,
    },
    peersBefore: parts.peers.slice(0, MAX_PEERS).map((peer) => peer.uid),
    step: { index: plan.step.index, name: plan.step.name, attempt: parts.attempt },
    action: { restart: {} },
    mode: plan.live ? 'Auto' : 'DryRun',
    cause: {
      type: plan.diagnosis.cause,
      trigger: evidence.trigger.trigger,
      summary: evidence.summary.slice(0, MAX_SUMMARY),
      quantity: evidence.quantity,
      measures: measureTexts(evidence.measures),
      observedAt: iso(evidence.newestSampleMs),
    },
    intents: [...action.intents({ target, workload: parts.workload, peers: parts.peers })],
    undoUnavailableReason: action.undoUnavailableReason,
    predicted: {
      readyReplicas: parts.predicted
        .slice(0, MAX_PREDICTED)
        .map(({ readyReplicas }) => readyReplicas),
      desiredReplicas: parts.workload.desiredReplicas,
    },
    lineageGeneration: parts.lineageGeneration,
    budgetsCharged: policy.spec.safety.budgets.map(({ name: budget }) => budget),
    limits: limitsOf(policy, step, trigger),
    fencing: parts.fencing,
  };
};

/** Builds the create request of a record; `null` when the policy no longer has its step or trigger. */
export const recordCreation = (parts: RecordParts): ApiRequest | null => {
  const spec = specOf(parts);
  if (spec === null) return null;
  const { plan } = parts.facts;
  const name = recordName(spec.policyRef.name, recordKeyOf(plan), parts.attempt);
  return {
    verb: 'create',
    ...RECORDS,
    namespace: spec.target.namespace,
    body: {
      apiVersion: API_VERSION,
      kind: 'HealingAction',
      metadata: {
        name,
        namespace: spec.target.namespace,
        labels: {
          'homeostat.dev/policy-uid': spec.policyRef.uid,
          'homeostat.dev/incident': spec.incidentRef.name,
          'homeostat.dev/action': plan.step.action,
          'homeostat.dev/mode': spec.mode,
        },
      },
      spec,
    },
  };
};
