// SPDX-License-Identifier: Apache-2.0
import type { GatheredFacts } from '../api/gathered-facts.ts';
import type { UnixMs } from '../domain/clock.ts';
import type { ActionSummary } from '../domain/healing.ts';

/**
 * Selects the records that a plan is judged by: live plans by live records, simulated plans by
 * simulated ones, so that a rehearsal shows what the real thing would have done and costs it nothing.
 * A record that is judged again does not count against itself.
 */
export const judgingRecords = (
  input: Pick<GatheredFacts, 'plan' | 'recordName'>,
  records: readonly ActionSummary[],
): readonly ActionSummary[] =>
  records.filter((record) => record.live === input.plan.live && record.name !== input.recordName);

/**
 * The moment at which a record counts for budgets and cooldowns; `null`: it never had an effect. An
 * open record counts as now: it may act at any moment. A simulated record counts from the end of its
 * rehearsal, the moment at which a live one would have acted.
 */
export const chargedAtMs = (record: ActionSummary, nowMs: UnixMs): UnixMs | null => {
  if (record.open) return nowMs;
  if (record.actedAtMs !== null) return record.actedAtMs;
  if (!record.live && record.phase === 'Simulated') {
    return record.finishedAtMs ?? record.createdAtMs;
  }
  return null;
};
