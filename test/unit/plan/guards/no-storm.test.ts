// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import { noStorm } from '../../../../src/plan/guards/no-storm.ts';
import { having, MINUTE, NOW, policy } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

const of = (healthy: number, total: number, storm: object = {}) =>
  having({ population: { healthy, total }, policy: policy({ safety: { storm } }) });
const ended = (ageMs: number, storm: object = {}) =>
  having({ stormEndedAtMs: NOW - ageMs, policy: policy({ safety: { storm } }) });

describe('noStorm', () => {
  itJudges(
    noStorm,
    ['policy', 'population', 'stormEndedAtMs'],
    [
      { when: '40 % are unhealthy', input: of(6, 10), says: 'Pass' },
      {
        when: 'more than 40 % are unhealthy',
        input: of(5, 10),
        says: ['StormActive', '5 of 10', '40%'],
      },
      { when: 'all are unhealthy', input: of(0, 3), says: ['StormActive', '3 of 3'] },
      { when: 'the policy bears more', input: of(5, 10, { unhealthyAbove: '50%' }), says: 'Pass' },
      {
        when: 'two may be unhealthy and are',
        input: of(8, 10, { unhealthyAbove: 2 }),
        says: 'Pass',
      },
      {
        when: 'two may be unhealthy and three are',
        input: of(7, 10, { unhealthyAbove: 2 }),
        says: ['StormActive', '3 of 10'],
      },
      {
        when: 'one in text may be unhealthy and two are',
        input: of(8, 10, { unhealthyAbove: '1' }),
        says: ['StormActive'],
      },
      { when: 'there is no pod at all', input: of(0, 0), says: ['Unknown', '0 of 0'] },
      { when: 'more pods are healthy than exist', input: of(4, 3), says: ['Unknown', '4 of 3'] },
      { when: 'the numbers are none', input: of(Number.NaN, 3), says: ['Unknown'] },
      { when: 'the last storm ended five minutes ago', input: ended(5 * MINUTE), says: 'Pass' },
      {
        when: 'the last storm ended less than five minutes ago',
        input: ended(5 * MINUTE - 1),
        says: ['StormActive', 'spec.safety.storm.cooldown', '5m'],
      },
      {
        when: 'the policy waits longer after a storm',
        input: ended(5 * MINUTE, { cooldown: '6m' }),
        says: ['StormActive', '6m'],
      },
      {
        when: 'the end of the storm lies in the future',
        input: ended(-MINUTE),
        says: ['StormActive'],
      },
    ],
  );
});
