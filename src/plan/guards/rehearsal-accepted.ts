// SPDX-License-Identifier: Apache-2.0
import type { RehearsalAnswer } from '../../api/gathered-facts.ts';
import { type BlockReason, PASS, type Verdict } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { withFacts } from '../required-facts.ts';

const refuse = (reason: BlockReason, message: string): Verdict => ({
  kind: 'Refuse',
  reason,
  message,
});

const verdictOf = (answer: RehearsalAnswer): Verdict => {
  switch (answer.kind) {
    case 'accepted':
      return PASS;
    case 'pdbBlocked':
      return refuse('PDBBlocked', `the dry run of the eviction was refused: ${answer.message}`);
    case 'denied':
      return refuse('RBACDenied', `the dry run was denied: ${answer.message}`);
    case 'targetChanged':
      return refuse('TargetChanged', `the dry run found another target: ${answer.message}`);
    case 'refused':
      return refuse('DryRunRefused', `the dry run answered ${answer.status}: ${answer.message}`);
  }
};

/** Refuses what the API server would refuse, before anything is written. */
export const rehearsalAccepted: Guard<'rehearsalAccepted'> = {
  id: 'rehearsalAccepted',
  title: 'Did the API server accept the dry run of every request?',
  check: ({ rehearsal }) =>
    rehearsal === null
      ? { kind: 'Unknown', missing: 'the answer to the dry run: it has not been asked for' }
      : withFacts({ rehearsal }, (known) => verdictOf(known.rehearsal)),
};
