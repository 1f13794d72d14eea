// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import { leader } from '../../../../src/plan/guards/leader.ts';
import { having } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

describe('leader', () => {
  itJudges(
    leader,
    ['leadership'],
    [
      {
        when: 'the Lease is not held safely enough',
        input: having({ leadership: { mayWrite: false } }),
        says: ['NotLeader', 'Lease'],
      },
    ],
  );
});
