// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import type { ActionSummary } from '../../../../src/domain/healing.ts';
import { cooldown } from '../../../../src/plan/guards/cooldown.ts';
import { HOUR, having, MINUTE, policy, recordAged, simulated } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

const following = (record: ActionSummary, limits: object = {}) =>
  having({ records: [record], policy: policy({ safety: { cooldown: limits } }) });
const elsewhere = { workloadUid: 'workload-2' };
const open = { phase: 'Planned', open: true, actedAtMs: null, finishedAtMs: null } as const;

describe('cooldown', () => {
  itJudges(
    cooldown,
    ['policy', 'records'],
    [
      {
        when: 'the workload was acted on ten minutes ago',
        input: following(recordAged(10 * MINUTE)),
        says: 'Pass',
      },
      {
        when: 'the workload was acted on less than ten minutes ago',
        input: following(recordAged(10 * MINUTE - 1)),
        says: ['Cooldown', 'Deployment shop/web', 'perTarget', '10m'],
      },
      {
        when: 'another policy acted on the workload',
        input: following(recordAged(9 * MINUTE, { policyUid: 'policy-2' })),
        says: ['Cooldown', 'was 9m ago', 'perTarget'],
      },
      {
        when: 'another action was taken on the workload',
        input: following(recordAged(9 * MINUTE, { action: 'rollback' })),
        says: ['Cooldown', 'perTarget'],
      },
      {
        when: 'the policy restarted another workload five minutes ago',
        input: following(recordAged(5 * MINUTE, elsewhere)),
        says: 'Pass',
      },
      {
        when: 'the policy restarted another workload less than five minutes ago',
        input: following(recordAged(5 * MINUTE - 1, elsewhere)),
        says: ['Cooldown', 'restart', 'shop/leaks', 'perAction', '5m'],
      },
      {
        when: 'the policy did something else to another workload',
        input: following(recordAged(MINUTE, { ...elsewhere, action: 'rollback' })),
        says: 'Pass',
      },
      {
        when: 'another policy restarted another workload',
        input: following(recordAged(MINUTE, { ...elsewhere, policyUid: 'policy-2' })),
        says: 'Pass',
      },
      {
        when: 'perTarget is longer',
        input: following(recordAged(10 * MINUTE), { perTarget: '11m' }),
        says: ['Cooldown', '11m'],
      },
      {
        when: 'perAction is longer',
        input: following(recordAged(5 * MINUTE, elsewhere), { perAction: '6m' }),
        says: ['Cooldown', '6m'],
      },
      {
        when: 'it was blocked before it acted',
        input: following(recordAged(MINUTE, { actedAtMs: null, phase: 'Blocked' })),
        says: 'Pass',
      },
      {
        when: 'it is counted from the effect, not from the end',
        input: following(recordAged(10 * MINUTE, { finishedAtMs: null })),
        says: 'Pass',
      },
      {
        when: 'an old record is still open: it may act now',
        input: following(recordAged(HOUR, open)),
        says: ['Cooldown', '0ms ago'],
      },
      {
        when: 'the open record is this one',
        input: { ...following(recordAged(HOUR, { ...open, name: 'own' })), recordName: 'own' },
        says: 'Pass',
      },
      {
        when: 'only a simulation came before',
        input: following(recordAged(MINUTE, { live: false })),
        says: 'Pass',
      },
      {
        when: 'a simulation came before a simulation',
        input: simulated(
          following(recordAged(MINUTE, { live: false, phase: 'Simulated', actedAtMs: null })),
        ),
        says: ['Cooldown'],
      },
      {
        when: 'a live action came before a simulation',
        input: simulated(following(recordAged(MINUTE))),
        says: 'Pass',
      },
      {
        when: 'the effect lies in the future',
        input: following(recordAged(-MINUTE)),
        says: ['Cooldown'],
      },
    ],
  );
});
