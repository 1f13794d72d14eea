// SPDX-License-Identifier: Apache-2.0
import { PASS } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { withFacts } from '../required-facts.ts';

/** Refuses on a replica that does not hold the Lease safely enough to write. */
export const leader: Guard<'leader'> = {
  id: 'leader',
  title: 'Does this replica hold the Lease, with time left to write?',
  check: ({ leadership }) =>
    withFacts({ leadership }, (known) =>
      known.leadership.mayWrite
        ? PASS
        : {
            kind: 'Refuse',
            reason: 'NotLeader',
            message:
              'this replica does not hold the Lease, or its last renewal is too old to write',
          },
    ),
};
