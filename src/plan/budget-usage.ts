// SPDX-License-Identifier: Apache-2.0
import type { Budget } from '../api/safety.ts';
import type { UnixMs } from '../domain/clock.ts';
import { durationMs } from '../domain/duration.ts';
import type { ActionSummary } from '../domain/healing.ts';
import { chargedAtMs } from './judging-records.ts';

/** How far a budget is used. */
export interface BudgetUsage {
  readonly name: string;
  readonly used: number;
  readonly max: number;
  /**
   * When the next action fits again; `null` when one fits now, or when that depends on an action
   * that is still open, or when `max` is 0 and none ever fits.
   */
  readonly resetsAtMs: UnixMs | null;
}

/** Whose use is counted. */
export interface BudgetScope {
  readonly policyUid: string;
  readonly workloadUid: string;
}

/**
 * Tells whether a record is charged to a budget. Scope Namespace counts every policy, so does
 * Workload: what one policy did to a workload another may not do again.
 */
const isCharged = (budget: Budget, record: ActionSummary, scope: BudgetScope): boolean => {
  switch (budget.scope) {
    case 'Policy':
      return record.policyUid === scope.policyUid;
    case 'Workload':
      return record.workloadUid === scope.workloadUid;
    case 'Namespace':
      return true;
  }
};

/**
 * Counts what is charged to a budget at `nowMs`: records that acted inside the window, and open ones.
 * @param records those of the namespace that the plan is judged by, without the plan's own
 */
export const budgetUsage = (
  budget: Budget,
  records: readonly ActionSummary[],
  scope: BudgetScope,
  nowMs: UnixMs,
): BudgetUsage => {
  const windowMs = durationMs(budget.window);
  const charged = records
    .filter((record) => isCharged(budget, record, scope))
    .map((record) => ({ open: record.open, atMs: chargedAtMs(record, nowMs) }))
    .filter((each): each is { open: boolean; atMs: number } => each.atMs !== null)
    .filter(({ open, atMs }) => open || nowMs - atMs < windowMs)
    .toSorted((a, b) => Number(a.open) - Number(b.open) || a.atMs - b.atMs);
  const used = charged.length;
  // The next action fits when `used - max + 1` of the charged ones have left the window.
  const last = used >= budget.max && budget.max > 0 ? charged[used - budget.max] : undefined;
  const resetsAtMs = last === undefined || last.open ? null : last.atMs + windowMs;
  return { name: budget.name, used, max: budget.max, resetsAtMs };
};

/**
 * Counts the use of a budget for the status of a policy: of scope Workload, the workload that has
 * used most of it.
 */
export const highestBudgetUsage = (
  budget: Budget,
  records: readonly ActionSummary[],
  policyUid: string,
  nowMs: UnixMs,
): BudgetUsage => {
  const workloads =
    budget.scope === 'Workload' ? new Set(records.map((record) => record.workloadUid)) : [];
  return [...workloads]
    .map((workloadUid) => budgetUsage(budget, records, { policyUid, workloadUid }, nowMs))
    .reduce(
      (most, each) => (each.used > most.used ? each : most),
      budgetUsage(budget, records, { policyUid, workloadUid: '' }, nowMs),
    );
};
