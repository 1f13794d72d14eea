// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import type { ActionSummary } from '../../../../src/domain/healing.ts';
import { breaker } from '../../../../src/plan/guards/breaker.ts';
import { HOUR, having, MINUTE, policy, recordAged, simulated } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

const failed = (ageMs: number, patch: Partial<ActionSummary> = {}) =>
  recordAged(ageMs, { phase: 'Failed', ...patch });
const following = (...records: readonly ActionSummary[]) => having({ records });
const three = (patch: Partial<ActionSummary> = {}) =>
  [10, 20, 30].map((minutes) => failed(minutes * MINUTE, patch));
const limited = (limits: object, records = three()) =>
  having({ records, policy: policy({ safety: { breaker: limits } }) });

describe('breaker', () => {
  itJudges(
    breaker,
    ['policy', 'records'],
    [
      { when: 'two actions failed', input: following(...three().slice(1)), says: 'Pass' },
      {
        when: 'three actions failed',
        input: following(...three()),
        says: ['BreakerOpen', 'shop/leaks', '3 actions', '4h', 'in 50m'],
      },
      {
        when: 'three actions proved nothing',
        input: following(...three({ phase: 'Inconclusive' })),
        says: ['BreakerOpen'],
      },
      {
        when: 'three were blocked',
        input: following(...three({ phase: 'Blocked' })),
        says: 'Pass',
      },
      {
        when: 'three of another policy failed',
        input: following(...three({ policyUid: 'policy-2' })),
        says: 'Pass',
      },
      { when: 'the policy bears four', input: limited({ failures: 4 }), says: 'Pass' },
      {
        when: 'the three do not lie in one window',
        input: limited({ window: '15m' }),
        says: 'Pass',
      },
      { when: 'it was open for long enough', input: limited({ openFor: '10m' }), says: 'Pass' },
      {
        when: 'it is half open and one is under way',
        input: limited({ openFor: '10m' }, [
          ...three(),
          recordAged(MINUTE, { phase: 'Verifying', open: true, finishedAtMs: null }),
        ]),
        says: ['BreakerOpen', 'half open'],
      },
      {
        when: 'it is half open and the one under way is this one',
        input: {
          ...limited({ openFor: '10m' }, [
            ...three(),
            recordAged(MINUTE, { name: 'own', phase: 'Admitted', open: true, finishedAtMs: null }),
          ]),
          recordName: 'own',
        },
        says: 'Pass',
      },
      {
        when: 'it is half open, the one let through failed, and the hour starts again',
        input: following(
          failed(4 * HOUR),
          failed(3.9 * HOUR),
          failed(3.8 * HOUR),
          failed(30 * MINUTE),
        ),
        says: ['BreakerOpen', 'in 30m'],
      },
      {
        when: 'live records failed and the plan is simulated',
        input: simulated(following(...three())),
        says: 'Pass',
      },
      {
        when: 'simulated records failed and the plan is live',
        input: following(...three({ live: false })),
        says: 'Pass',
      },
    ],
  );
});
