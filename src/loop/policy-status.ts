// SPDX-License-Identifier: Apache-2.0
/**
 * What the status of a policy says, as one pure function of what is known. Status is a view: every
 * limit is recomputed from the records, never read back from here. The storm's memory is the one
 * exception, because no record tells when a storm ended.
 */
import type { HealingPolicy, HealingPolicyStatus, Mode } from '../api/healing-policy.ts';
import type { Condition } from '../api/scalars.ts';
import type { UnixMs } from '../domain/clock.ts';
import { durationMs } from '../domain/duration.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { ActionSummary } from '../domain/healing.ts';
import { breakerState } from '../plan/breaker-state.ts';
import { highestBudgetUsage } from '../plan/budget-usage.ts';
import { isStorm, nextStorm, type Storm } from '../plan/storm-state.ts';
import { timeText } from './incident-status.ts';

/** Everything that a policy's status is computed from. */
export interface PolicyStatusInput {
  readonly policy: HealingPolicy;
  readonly effectiveMode: Mode;
  /** A person froze the namespace. */
  readonly frozen: boolean;
  readonly targets: {
    readonly workloads: number;
    readonly pods: number;
    readonly healthy: number;
    readonly protected: number;
  };
  /** Newest evidence of each trigger, by trigger name; all containers. */
  readonly evidence: ReadonlyMap<string, readonly Evidence[]>;
  /** Why a trigger's detector fails, by trigger name. */
  readonly failures: ReadonlyMap<string, string>;
  /** Records of the namespace. */
  readonly records: readonly ActionSummary[];
  /** Other policies of the same or a higher priority that target one of the workloads and may act. */
  readonly rivals: readonly string[];
  /** Calls that the API server refused with 403, as sentences. */
  readonly denials: readonly string[];
  readonly nowMs: UnixMs;
}

interface Finding {
  readonly type: string;
  readonly holds: boolean | null;
  readonly reason: string;
  readonly message: string;
}

const conditionOf = (
  { policy, nowMs }: PolicyStatusInput,
  { type, holds, reason, message }: Finding,
): Condition => {
  const status = holds === null ? 'Unknown' : holds ? 'True' : 'False';
  const before = policy.status?.conditions?.find((each) => each.type === type);
  return {
    type,
    status,
    reason,
    message: message.slice(0, 1024),
    observedGeneration: policy.metadata.generation,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : timeText(nowMs),
  };
};

const storedStorm = ({ policy }: PolicyStatusInput): Storm | null => {
  const { since, until } = policy.status?.storm ?? {};
  if (since === undefined) return null;
  return { sinceMs: Date.parse(since), endedAtMs: until === undefined ? null : Date.parse(until) };
};

const stormNow = (input: PolicyStatusInput): boolean =>
  isStorm(
    { total: input.targets.pods, healthy: input.targets.healthy },
    input.policy.spec.safety.storm.unhealthyAbove,
  );

const breakerNow = ({ policy, records, effectiveMode, nowMs }: PolicyStatusInput) => {
  const { failures, window, openFor } = policy.spec.safety.breaker;
  return breakerState(
    records.filter(
      (each) => each.policyUid === policy.metadata.uid && each.live === (effectiveMode === 'Auto'),
    ),
    { failures, windowMs: durationMs(window), openForMs: durationMs(openFor) },
    nowMs,
  );
};

/** Data is fresh when every watched container has evidence that is not `unknown`. */
const dataFinding = ({ evidence, targets, failures }: PolicyStatusInput): Finding => {
  const [failure] = failures;
  if (failure !== undefined) {
    const message = `trigger ${failure[0]}: ${failure[1]}`;
    return { type: 'DataFresh', holds: false, reason: 'DetectorFailed', message };
  }
  const rows = [...evidence.values()].flat();
  const blind = rows.filter(({ classification }) => classification === 'unknown');
  const type = 'DataFresh';
  if (targets.pods === 0) {
    return { type, holds: null, reason: 'NoTargets', message: 'no pod is selected' };
  }
  if (rows.length === 0) {
    return {
      type,
      holds: null,
      reason: 'NoData',
      message: 'no telemetry of a selected container was judged yet',
    };
  }
  return blind.length === 0
    ? { type, holds: true, reason: 'Fresh', message: `${rows.length} containers are judged` }
    : { type, holds: false, reason: 'Stale', message: blind[0]?.summary ?? '' };
};

const findings = (input: PolicyStatusInput): readonly Finding[] => {
  const { policy, rivals, denials, targets, frozen } = input;
  const { suspend, pauseRequests } = policy.spec;
  const pauses = [
    ...(suspend ? ['`spec.suspend` is true'] : []),
    ...pauseRequests,
    ...(frozen ? ['the namespace is frozen'] : []),
  ];
  const isPaused = pauses.length > 0;
  const breaker = breakerNow(input);
  const storm = stormNow(input);
  const unhealthy = `${targets.pods - targets.healthy} of ${targets.pods} pods are unhealthy`;
  const isReady = denials.length === 0 && !isPaused;
  return [
    {
      type: 'Ready',
      holds: isReady,
      reason: isReady ? 'Watching' : isPaused ? 'Paused' : 'RBACDenied',
      message: `mode ${input.effectiveMode}, ${targets.workloads} workloads, ${targets.pods} pods`,
    },
    {
      type: 'Paused',
      holds: isPaused,
      reason: isPaused ? 'Requested' : 'NotRequested',
      message: pauses.join(', '),
    },
    {
      type: 'StormActive',
      holds: storm,
      reason: storm ? 'ManyUnhealthy' : 'Calm',
      message: unhealthy,
    },
    {
      type: 'BreakerOpen',
      holds: breaker.state === 'Open',
      reason: breaker.state,
      message: `${breaker.failures} of ${policy.spec.safety.breaker.failures} failures in ${policy.spec.safety.breaker.window}`,
    },
    {
      type: 'Conflicted',
      holds: rivals.length > 0,
      reason: rivals.length > 0 ? 'SameWorkload' : 'NoRival',
      message: rivals.length > 0 ? `also targeted by ${rivals.join(', ')}` : '',
    },
    {
      type: 'RBACSatisfied',
      holds: denials.length === 0,
      reason: denials.length === 0 ? 'NothingDenied' : 'Forbidden',
      message: denials.join('; '),
    },
    dataFinding(input),
  ];
};

const triggerStatus = (input: PolicyStatusInput, name: string) => {
  const rows = input.evidence.get(name) ?? [];
  const firing = rows.find((each) => each.firing);
  const judged = rows.filter(({ classification }) => classification !== 'unknown');
  const state = firing !== undefined ? 'Firing' : judged.length > 0 ? 'Inactive' : 'Unknown';
  const before = input.policy.status?.triggers?.find((each) => each.name === name);
  const since =
    before?.state === state && before.since !== undefined ? before.since : timeText(input.nowMs);
  // A changing figure is no change of state: the text is renewed with the state only.
  const message =
    input.failures.get(name) ?? (firing ?? judged[0] ?? rows[0])?.summary ?? 'no telemetry yet';
  return {
    name,
    state,
    since,
    message: (before?.state === state ? before.message : message).slice(0, 1024),
  } as const;
};

const counts = ({ policy, records }: PolicyStatusInput) => {
  const own = records.filter(({ policyUid }) => policyUid === policy.metadata.uid);
  const inPhase = (...phases: readonly string[]): number =>
    own.filter(({ phase }) => phases.includes(phase)).length;
  return {
    planned: own.length,
    executed: own.filter(({ live, actedAtMs }) => live && actedAtMs !== null).length,
    effective: inPhase('Succeeded'),
    ineffective: inPhase('Failed', 'Inconclusive'),
    blocked: inPhase('Blocked'),
  };
};

const lastAction = ({ policy, records, nowMs }: PolicyStatusInput) => {
  const own = records
    .filter(({ policyUid }) => policyUid === policy.metadata.uid)
    .toSorted((a, b) => a.createdAtMs - b.createdAtMs)
    .at(-1);
  if (own === undefined) return {};
  const time = timeText(own.finishedAtMs ?? own.actedAtMs ?? Math.min(own.createdAtMs, nowMs));
  return { lastAction: { name: own.name, phase: own.phase, time } };
};

/** Computes the status of a policy. */
export const policyStatus = (input: PolicyStatusInput): HealingPolicyStatus => {
  const { policy, effectiveMode, nowMs } = input;
  const breaker = breakerNow(input);
  const storm = nextStorm(storedStorm(input), stormNow(input), nowMs);
  const live = input.records.filter((each) => each.live === (effectiveMode === 'Auto'));
  return {
    observedGeneration: policy.metadata.generation,
    effectiveMode,
    conditions: findings(input).map((finding) => conditionOf(input, finding)),
    targets: input.targets,
    triggers: policy.spec.triggers.map(({ name }) => triggerStatus(input, name)),
    budgets: policy.spec.safety.budgets.map((budget) => {
      const { name, used, max, resetsAtMs } = highestBudgetUsage(
        budget,
        live,
        policy.metadata.uid,
        nowMs,
      );
      return {
        name,
        used,
        max,
        ...(resetsAtMs === null ? {} : { resetsAt: timeText(resetsAtMs) }),
      };
    }),
    breaker: {
      state: breaker.state,
      failures: breaker.failures,
      ...(breaker.reopensAtMs === null ? {} : { reopensAt: timeText(breaker.reopensAtMs) }),
    },
    ...(storm === null
      ? {}
      : {
          storm: {
            since: timeText(storm.sinceMs),
            ...(storm.endedAtMs === null ? {} : { until: timeText(storm.endedAtMs) }),
          },
        }),
    ...lastAction(input),
    counts: counts(input),
  };
};
