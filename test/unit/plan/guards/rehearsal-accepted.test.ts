// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import { rehearsalAccepted } from '../../../../src/plan/guards/rehearsal-accepted.ts';
import { having, valid } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

describe('rehearsalAccepted', () => {
  itJudges(
    rehearsalAccepted,
    ['rehearsal'],
    [
      {
        when: 'the rehearsal has not been asked for',
        input: { ...valid, rehearsal: null },
        says: ['Unknown', 'dry run'],
      },
      {
        when: 'a disruption budget stands against it',
        input: having({ rehearsal: { kind: 'pdbBlocked', message: 'needs 2', retryAfterMs: 0 } }),
        says: ['PDBBlocked', 'needs 2'],
      },
      {
        when: 'the ServiceAccount may not',
        input: having({ rehearsal: { kind: 'denied', message: 'cannot create pods/eviction' } }),
        says: ['RBACDenied', 'cannot create pods/eviction'],
      },
      {
        when: 'the pod is another one',
        input: having({ rehearsal: { kind: 'targetChanged', message: 'uid differs' } }),
        says: ['TargetChanged', 'uid differs'],
      },
      {
        when: 'the server refuses it for another reason',
        input: having({ rehearsal: { kind: 'refused', status: 500, message: 'two budgets' } }),
        says: ['DryRunRefused', '500', 'two budgets'],
      },
    ],
  );
});
