// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import { minHealthy } from '../../../../src/plan/guards/min-healthy.ts';
import { having, policy } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

/** Ready replicas in each state, of the desired ones. */
const through = (ready: readonly number[], desiredReplicas: number, minimum?: number | string) =>
  having({
    predicted: ready.map((readyReplicas) => ({ readyReplicas, desiredReplicas })),
    policy: policy(minimum === undefined ? {} : { safety: { minHealthy: minimum } }),
  });

describe('minHealthy', () => {
  itJudges(
    minHealthy,
    ['policy', 'predicted'],
    [
      {
        when: 'no state is predicted',
        input: through([], 3),
        says: ['Unknown', 'Deployment shop/web'],
      },
      { when: 'two of three stay at 51 %', input: through([3, 2, 3], 3), says: 'Pass' },
      {
        when: 'one of two stays at 51 %, rounded up to two',
        input: through([2, 1, 2], 2),
        says: ['MinHealthy', 'Deployment shop/web', '1 of 2', '51%', 'demands 2'],
      },
      { when: 'none of one stays at 51 %', input: through([1, 0, 1], 1), says: ['MinHealthy'] },
      {
        when: 'only an intermediate state is too low',
        input: through([3, 1, 3], 3),
        says: ['MinHealthy', '1 of 3'],
      },
      { when: 'only the first state is too low', input: through([1, 3], 3), says: ['MinHealthy'] },
      { when: 'a count is met', input: through([3, 2, 3], 3, 2), says: 'Pass' },
      {
        when: 'a count is not met',
        input: through([3, 2, 3], 3, 3),
        says: ['MinHealthy', 'demands 3'],
      },
      {
        when: 'a count in text is not met',
        input: through([3, 2, 3], 3, '3'),
        says: ['MinHealthy'],
      },
      { when: 'nothing is demanded', input: through([1, 0, 1], 1, 0), says: 'Pass' },
      { when: '100 % is demanded', input: through([3, 2, 3], 3, '100%'), says: ['MinHealthy'] },
      { when: 'a figure is no number', input: through([Number.NaN], 3), says: ['MinHealthy'] },
    ],
  );
});
