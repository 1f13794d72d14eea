// SPDX-License-Identifier: Apache-2.0
/**
 * Recurrence is counted by lineage (DESIGN 4.5): a pod that was there before any restart is of
 * generation 1, the replacement of a pod of generation n is of generation n + 1. So three leaking
 * replicas may each be restarted, and a replacement that leaks again counts.
 *
 * ```
 *   a (1) --restart gen 1--> a' (2) --restart gen 2--> a'' (3) --restart gen 3--> a''' (4)  max 3: refused
 *   b (1) --restart gen 1--> b' (2)
 * ```
 */
import type { GatheredFacts } from '../api/gathered-facts.ts';
import type { HealingPolicy } from '../api/healing-policy.ts';
import type { UnixMs } from '../domain/clock.ts';
import { durationMs } from '../domain/duration.ts';
import type { ActionSummary, PodFacts } from '../domain/healing.ts';
import { judgingRecords } from './judging-records.ts';

/** Whose lineage is asked for, and when. */
export interface LineageQuestion {
  readonly workloadUid: string;
  readonly container: string;
  readonly cause: string;
  readonly action: string;
  readonly podCreatedAtMs: UnixMs;
  readonly nowMs: UnixMs;
  /** How far back restarts count, in ms. */
  readonly windowMs: number;
}

/**
 * A record's `actedAt` is our clock, a pod's creation is the API server's. The record's own creation
 * is the API server's too and carries the order; `actedAt` may be this much ahead of it in ms.
 */
const MAX_CLOCK_SKEW_MS = 15_000;

const isAncestor = (record: ActionSummary, question: LineageQuestion): boolean =>
  record.workloadUid === question.workloadUid &&
  record.container === question.container &&
  record.cause === question.cause &&
  record.action === question.action &&
  record.actedAtMs !== null &&
  question.nowMs - record.actedAtMs < question.windowMs &&
  record.createdAtMs <= question.podCreatedAtMs &&
  record.actedAtMs <= question.podCreatedAtMs + MAX_CLOCK_SKEW_MS;

/**
 * Counts the generation that a restart of a pod would have: 1 + the highest generation among the
 * restarts of the same workload, container and cause that acted inside the window and before the pod
 * was created. At least 1. `records` must hold only those that the plan is judged by.
 */
export const lineageGeneration = (
  records: readonly ActionSummary[],
  question: LineageQuestion,
): number => {
  let highest = 0;
  for (const record of records) {
    if (isAncestor(record, question)) highest = Math.max(highest, record.lineageGeneration);
  }
  return highest + 1;
};

/**
 * Counts the generation that the plan of a snapshot would have, over the records that it is judged
 * by and inside the policy's recurrence window. The facts are passed in as read, so that whoever
 * calls has dealt with those that are unknown.
 */
export const planGeneration = (
  facts: Pick<GatheredFacts, 'plan' | 'recordName' | 'nowMs'>,
  read: {
    readonly policy: HealingPolicy;
    readonly target: PodFacts;
    readonly records: readonly ActionSummary[];
  },
): number =>
  lineageGeneration(judgingRecords(facts, read.records), {
    workloadUid: facts.plan.target.workload.uid,
    container: facts.plan.target.container,
    cause: facts.plan.diagnosis.cause,
    action: facts.plan.step.action,
    podCreatedAtMs: read.target.createdAtMs,
    nowMs: facts.nowMs,
    windowMs: durationMs(read.policy.spec.safety.recurrence.window),
  });
