// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../../domain/clock.ts';
import { durationMs, humanDuration } from '../../domain/duration.ts';
import type { ActionSummary } from '../../domain/healing.ts';
import { PASS } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { chargedAtMs, judgingRecords } from '../judging-records.ts';
import { workloadText } from '../object-names.ts';
import { withFacts } from '../required-facts.ts';

/** Time since the last effect of any of the records, in ms; Infinity when there was none. */
const sinceLastMs = (records: readonly ActionSummary[], nowMs: UnixMs): number => {
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const record of records) lastMs = Math.max(lastMs, chargedAtMs(record, nowMs) ?? lastMs);
  return nowMs - lastMs;
};

/** Refuses too soon after the last action on the workload, or of the same kind by the policy. */
export const cooldown: Guard<'cooldown'> = {
  id: 'cooldown',
  title: 'Is the last action on this workload, and of this kind, long enough ago?',
  check: (input) =>
    withFacts({ policy: input.policy, records: input.records }, ({ policy, records }) => {
      const { plan, nowMs } = input;
      const { perTarget, perAction } = policy.spec.safety.cooldown;
      const judging = judgingRecords(input, records);
      const rows = [
        {
          field: 'perTarget',
          limit: perTarget,
          what: `the last action on ${workloadText(plan.target.workload)}`,
          records: judging.filter(({ workloadUid }) => workloadUid === plan.target.workload.uid),
        },
        {
          field: 'perAction',
          limit: perAction,
          what: `the last ${plan.step.action} by HealingPolicy ${policy.metadata.namespace}/${policy.metadata.name}`,
          records: judging.filter(
            ({ policyUid, action }) =>
              policyUid === policy.metadata.uid && action === plan.step.action,
          ),
        },
      ];
      for (const row of rows) {
        const agoMs = sinceLastMs(row.records, nowMs);
        if (agoMs < durationMs(row.limit)) {
          const message = `${row.what} was ${humanDuration(Math.max(0, agoMs))} ago, \`spec.safety.cooldown.${row.field}\` is ${row.limit}`;
          return { kind: 'Refuse', reason: 'Cooldown', message };
        }
      }
      return PASS;
    }),
};
