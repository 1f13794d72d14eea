// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import { conflict } from '../../../../src/plan/guards/conflict.ts';
import { having, policy } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

const beside = (rivalPriority: number, priority = 0) =>
  having({
    rivals: [{ name: 'other', uid: 'policy-2', priority: rivalPriority }],
    policy: policy({ priority }),
  });

describe('conflict', () => {
  itJudges(
    conflict,
    ['policy', 'rivals'],
    [
      { when: 'a rival has a lower priority', input: beside(-1), says: 'Pass' },
      {
        when: 'a rival has the same priority: neither acts',
        input: beside(0),
        says: ['Conflict', 'Deployment shop/web', 'other (0)', 'spec.priority'],
      },
      { when: 'a rival has a higher priority', input: beside(1), says: ['Conflict', 'other (1)'] },
      { when: 'this policy has the highest', input: beside(5, 6), says: 'Pass' },
      {
        when: 'the priority of a rival is no number',
        input: beside(Number.NaN),
        says: ['Conflict'],
      },
      {
        when: 'the policy itself is among the rivals by mistake',
        input: having({ rivals: [{ name: 'leaks', uid: 'policy-1', priority: 0 }] }),
        says: 'Pass',
      },
      {
        when: 'one of two rivals is stronger',
        input: having({
          rivals: [
            { name: 'weak', uid: 'policy-2', priority: -1 },
            { name: 'strong', uid: 'policy-3', priority: 1 },
          ],
        }),
        says: ['Conflict', /targets?|target/, 'strong'],
      },
    ],
  );
});
