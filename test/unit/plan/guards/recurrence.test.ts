// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import type { ActionSummary } from '../../../../src/domain/healing.ts';
import { recurrence } from '../../../../src/plan/guards/recurrence.ts';
import { HOUR, having, MINUTE, NOW, pod, policy, recordAged, simulated } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

/** The pod was created 20 minutes ago, right after a restart of generation 3. */
const replacement = { ...pod, createdAtMs: NOW - 20 * MINUTE };
const third = (patch: Partial<ActionSummary> = {}) =>
  recordAged(21 * MINUTE, { name: 'third', lineageGeneration: 3, ...patch });
const following = (record: ActionSummary, safety: object = {}) =>
  having({ target: replacement, records: [record], policy: policy({ safety }) });

describe('recurrence', () => {
  itJudges(
    recurrence,
    ['policy', 'target', 'records'],
    [
      {
        when: 'the replacement of the third generation leaks again',
        input: following(third()),
        says: ['Recurrence', 'container app', 'Deployment shop/web', 'number 4', 'max` is 3', '6h'],
      },
      {
        when: 'the replacement of the second leaks again',
        input: following(third({ lineageGeneration: 2 })),
        says: 'Pass',
      },
      {
        when: 'the policy bears four',
        input: following(third(), { recurrence: { max: 4 } }),
        says: 'Pass',
      },
      {
        when: 'the restart lies outside the window',
        input: following(third(), { recurrence: { window: '20m' } }),
        says: 'Pass',
      },
      {
        when: 'the pod is older than the restart: another replica of the workload',
        input: having({ records: [third()] }),
        says: 'Pass',
      },
      {
        when: 'the restart never took place',
        input: following(third({ actedAtMs: null })),
        says: 'Pass',
      },
      {
        when: 'it was another workload',
        input: following(third({ workloadUid: 'workload-2' })),
        says: 'Pass',
      },
      {
        when: 'it was another container',
        input: following(third({ container: 'sidecar' })),
        says: 'Pass',
      },
      {
        when: 'it had another cause',
        input: following(third({ cause: 'Deadlock' })),
        says: 'Pass',
      },
      {
        when: 'it was another action',
        input: following(third({ action: 'rollback' })),
        says: 'Pass',
      },
      {
        when: 'another policy did it: the workload is the same',
        input: following(third({ policyUid: 'policy-2' })),
        says: ['Recurrence'],
      },
      {
        when: 'it succeeded, and when it failed, alike',
        input: following(third({ phase: 'Failed' })),
        says: ['Recurrence'],
      },
      { when: 'it was only simulated', input: following(third({ live: false })), says: 'Pass' },
      { when: 'only this plan is simulated', input: simulated(following(third())), says: 'Pass' },
      {
        when: 'the only such record is this one',
        input: { ...following(third()), recordName: 'third' },
        says: 'Pass',
      },
      {
        when: 'the pod is gone',
        input: having({ target: null }),
        says: ['Unknown', 'pod shop/web-1'],
      },
      {
        when: 'the restart of six hours ago has just left the window',
        input: having({
          target: { ...pod, createdAtMs: NOW - 5 * HOUR },
          records: [recordAged(6 * HOUR, { lineageGeneration: 3 })],
        }),
        says: 'Pass',
      },
    ],
  );
});
