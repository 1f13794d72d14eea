// SPDX-License-Identifier: Apache-2.0
/**
 * The part of the protocol after the effect: wait for the replacement, then prove the effect.
 *
 * A check of the verification is a short chain of questions: the replacement's pod, its samples since
 * the effect, those of the last intervals, and once it is old enough the detector's evidence.
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { AnalysisAnswer, AnalysisQuery } from '../domain/analysis.ts';
import type { ApiReply } from '../domain/cluster.ts';
import { durationMs, humanDuration } from '../domain/duration.ts';
import type { Fact } from '../domain/fact.ts';
import { targetRead } from './intent-request.ts';
import { type ObservedPod, observedPod } from './pod-facts.ts';
import { isTimedOut } from './protocol-effect.ts';
import {
  ask,
  type Check,
  finish,
  iso,
  type Now,
  nap,
  type ProtocolState,
  retryLater,
  since,
  type Transition,
  writeStatus,
} from './protocol-state.ts';
import { isMature, judgeVerification, type VerificationResult } from './verify.ts';

/** Time between two looks for the replacement in ms; a change of a pod wakes earlier. */
const OBSERVE_EVERY_MS = 2_000;
/** Telemetry of this many check intervals makes the present floor. */
const FLOOR_INTERVALS = 2;

/** Looks for the replacement. */
export const lookForReplacement = (state: ProtocolState): Transition => ({
  state: { ...state, awaiting: { for: 'observation' } },
  request: { kind: 'observe' },
});

/** A pod's creation is told in whole seconds by the API server, as the record's own creation is. */
const isYounger = (pod: ObservedPod, record: HealingAction): boolean =>
  pod.facts.createdAtMs >= Date.parse(record.metadata.creationTimestamp);

/**
 * Finds the pod that took the target's place: of the same workload, made after the record, not there
 * before; of a StatefulSet the one of the same name. A Ready one first, then the oldest.
 */
export const findReplacement = (
  record: HealingAction,
  pods: readonly ObservedPod[],
): ObservedPod | null => {
  const { target, peersBefore, workload } = record.spec;
  const candidates = pods.filter(
    (pod) =>
      pod.facts.uid !== target.uid &&
      !peersBefore.includes(pod.facts.uid) &&
      !pod.facts.deleting &&
      isYounger(pod, record) &&
      (workload.kind !== 'StatefulSet' || pod.facts.name === target.name),
  );
  const order = candidates.toSorted(
    (a, b) =>
      Number(b.readySinceMs !== null) - Number(a.readySinceMs !== null) ||
      a.facts.createdAtMs - b.facts.createdAtMs,
  );
  return order[0] ?? null;
};

/** Judges what was observed of the workload's pods while settling. */
export const onObservation = (
  state: ProtocolState,
  pods: Fact<readonly ObservedPod[]>,
  now: Now,
): Transition => {
  if (pods.kind === 'unknown') return retryLater(state);
  const calm = { ...state, failures: 0 };
  const { record } = calm;
  const found = findReplacement(record, pods.value);
  const { settle, timeout } = record.spec.limits;
  if (found !== null && found.readySinceMs !== null) {
    const { name, uid } = found.facts;
    return writeStatus(calm, now, {
      phase: 'Verifying',
      replacement: { name, uid, readyAt: iso(found.readySinceMs) },
      verification: { startedAt: iso(now.wallMs), samples: 0 },
    });
  }
  const settlingMs = since(calm, record.status?.actedAt, now);
  const what = found === null ? 'no replacement' : `replacement ${found.facts.name} is not Ready`;
  if (settlingMs >= durationMs(settle)) {
    const message = `${what} after ${settle}`;
    return finish(calm, { phase: 'Failed', reason: 'SettleTimeout', message }, now);
  }
  if (isTimedOut(calm, now)) {
    const message = `${what} when \`timeout\` (${timeout}) was over`;
    return finish(calm, { phase: 'Failed', reason: 'Timeout', message }, now);
  }
  const leftMs = durationMs(settle) - settlingMs;
  return nap(calm, Math.min(OBSERVE_EVERY_MS, leftMs), 'pods');
};

const replacementOf = ({ status }: HealingAction) => {
  const replacement = status?.replacement;
  if (replacement?.readyAt === undefined) return null;
  return { ...replacement, readyAtMs: Date.parse(replacement.readyAt) };
};

/** Begins a check. */
export const startCheck = (state: ProtocolState): Transition => {
  const replacement = replacementOf(state.record);
  // A Verifying record without a replacement cannot come from us; the search is done again.
  if (replacement === null) return lookForReplacement(state);
  const { namespace } = state.record.spec.target;
  const request = targetRead({ namespace, name: replacement.name });
  return ask(state, { for: 'replacement' }, request);
};

const actedAtMs = ({ status, metadata }: HealingAction): number =>
  Date.parse(status?.actedAt ?? metadata.creationTimestamp);

const query = (
  state: ProtocolState,
  awaiting: 'samples' | 'recentSamples' | 'evidence',
  context: { readonly check: Check; readonly query: AnalysisQuery },
): Transition => ({
  state: { ...state, awaiting: { for: awaiting, check: context.check } },
  request: { kind: 'query', query: context.query },
});

/** Takes the replacement's pod and asks for its samples. */
export const onReplacement = (state: ProtocolState, reply: ApiReply, now: Now): Transition => {
  const isGone = reply.kind === 'refused' && reply.status === 404;
  if (reply.kind !== 'ok' && !isGone) return retryLater(state);
  const calm = { ...state, failures: 0 };
  const pod = reply.kind === 'ok' ? observedPod(reply.body) : null;
  if (pod === null && !isGone) return retryLater(state);
  if (pod === null) return conclude(calm, { check: null, lower80TimeToOomMs: null }, now);
  const { container } = state.record.spec.target;
  const startedAtMs =
    pod.facts.containers.find(({ name }) => name === container)?.startedAtMs ?? null;
  const sinceMs = Math.max(actedAtMs(state.record), startedAtMs ?? 0);
  const check: Check = { pod, sinceMs, samples: null };
  const samples = { kind: 'samples', podUid: pod.facts.uid, container, sinceMs } as const;
  return query(calm, 'samples', { check, query: samples });
};

const rowOf = (record: HealingAction, answer: AnalysisAnswer | null) =>
  answer?.kind === 'samples'
    ? answer.quantities.find(({ quantity }) => quantity === record.spec.cause.quantity)
    : undefined;

/** Takes the samples since the effect, and asks for those that make the present floor. */
export const onSamples = (
  state: ProtocolState,
  answer: AnalysisAnswer | null,
  context: { readonly check: Check; readonly now: Now },
): Transition => {
  const { check, now } = context;
  const row = rowOf(state.record, answer);
  if (row === undefined || row.count === 0) return afterSamples(state, check, now);
  const { count, newestMs, floorBytes } = row;
  const { verify, resolution } = state.record.spec.limits;
  const reachMs = Math.max(FLOOR_INTERVALS * durationMs(verify.interval), durationMs(resolution));
  return query(state, 'recentSamples', {
    check: { ...check, samples: { count, newestMs, floorBytes } },
    query: {
      kind: 'samples',
      podUid: check.pod.facts.uid,
      container: state.record.spec.target.container,
      sinceMs: Math.max(check.sinceMs, newestMs - reachMs),
    },
  });
};

/** Takes the present floor. */
export const onRecentSamples = (
  state: ProtocolState,
  answer: AnalysisAnswer | null,
  context: { readonly check: Check; readonly now: Now },
): Transition => {
  const { check, now } = context;
  const row = rowOf(state.record, answer);
  const samples =
    check.samples === null || row === undefined || row.count === 0
      ? check.samples
      : { ...check.samples, floorBytes: row.floorBytes };
  return afterSamples(state, { ...check, samples }, now);
};

/** Asks for the detector's own word once the replacement is old enough for it. */
const afterSamples = (state: ProtocolState, check: Check, now: Now): Transition => {
  const { spec } = state.record;
  if (!isMature(spec, check.sinceMs, now.wallMs)) {
    return conclude(state, { check, lower80TimeToOomMs: null }, now);
  }
  return query(state, 'evidence', {
    check,
    query: {
      kind: 'evidence',
      trigger: {
        policyUid: spec.policyRef.uid,
        policyNamespace: spec.target.namespace,
        policyName: spec.policyRef.name,
        trigger: spec.cause.trigger,
      },
      podUid: check.pod.facts.uid,
      container: spec.target.container,
    },
  });
};

/** Takes the detector's word about the replacement. Evidence without a bound says nothing yet. */
export const onEvidence = (
  state: ProtocolState,
  answer: AnalysisAnswer | null,
  context: { readonly check: Check; readonly now: Now },
): Transition => {
  const evidence = answer?.kind === 'evidence' ? answer.evidence : null;
  const bound = evidence?.measures['lower80TimeToOomMs'];
  const lower80TimeToOomMs = bound === undefined || Number.isNaN(bound) ? null : bound;
  return conclude(state, { check: context.check, lower80TimeToOomMs }, context.now);
};

const endVerification = (
  state: ProtocolState,
  result: Extract<VerificationResult, { kind: 'end' }>,
  context: { readonly check: Check | null; readonly now: Now },
): Transition => {
  const { record } = state;
  const { check, now } = context;
  const before = Number(record.spec.cause.measures['lower80TimeToOomMs'] ?? Number.NaN);
  const after = result.afterTimeToOomMs;
  const verdicts = { Succeeded: 'Effective', Failed: 'Ineffective', Inconclusive: 'Inconclusive' };
  const verification = {
    startedAt: record.status?.verification?.startedAt ?? iso(now.wallMs),
    samples: check?.samples?.count ?? 0,
    ...(check?.samples == null ? {} : { newestSampleAt: iso(check.samples.newestMs) }),
    ...(Number.isNaN(before) ? {} : { beforeTimeToOom: humanDuration(before) }),
    ...(after === null ? {} : { afterTimeToOom: humanDuration(after) }),
    verdict: verdicts[result.phase] as 'Effective' | 'Ineffective' | 'Inconclusive',
  };
  const { phase, reason, message } = result;
  return finish(state, { phase, reason, message }, now, { verification });
};

/** Judges a check, and goes on or ends. */
const conclude = (
  state: ProtocolState,
  found: { readonly check: Check | null; readonly lower80TimeToOomMs: number | null },
  now: Now,
): Transition => {
  const { record } = state;
  const { check } = found;
  const replacement = replacementOf(record);
  if (replacement === null) return lookForReplacement(state);
  const { verify } = record.spec.limits;
  const elapsedMs = since(state, record.status?.verification?.startedAt, now);
  const watchedMs = now.monoMs - state.begunAtMs;
  const result = judgeVerification({
    spec: record.spec,
    replacement,
    pod: check?.pod ?? null,
    samples: check?.samples ?? null,
    lower80TimeToOomMs: found.lower80TimeToOomMs,
    elapsedMs,
    watchedMs,
    actedAtMs: actedAtMs(record),
    nowMs: now.wallMs,
  });
  if (result.kind === 'end') return endVerification(state, result, { check, now });
  const delayMs = durationMs(verify.initialDelay);
  if (elapsedMs < delayMs) return nap(state, delayMs - elapsedMs, 'time');
  const leftMs = delayMs + durationMs(verify.window) - Math.min(elapsedMs, watchedMs);
  return nap(state, Math.min(durationMs(verify.interval), leftMs), 'time');
};
