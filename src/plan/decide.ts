// SPDX-License-Identifier: Apache-2.0
/**
 * The one decision: all guards over one snapshot, in order, no fall-through. What is not `go` leaves
 * the set of mutating calls empty.
 */
import type { BlockReason } from '../domain/verdict.ts';
import type { Guard, GuardInput } from './guard.ts';
import { type GuardId, guards, guardsBeforeRehearsal } from './guards/index.ts';

/** What the guards decided. `unknown` is not `go`. */
export type Decision =
  | { readonly kind: 'go' }
  | {
      readonly kind: 'refused';
      readonly guard: GuardId;
      readonly reason: BlockReason;
      readonly message: string;
    }
  | { readonly kind: 'unknown'; readonly guard: GuardId; readonly missing: string };

const firstObjection = (order: readonly Guard<GuardId>[], input: GuardInput): Decision => {
  for (const guard of order) {
    const verdict = guard.check(input);
    switch (verdict.kind) {
      case 'Pass':
        continue;
      case 'Refuse': {
        const { reason, message } = verdict;
        return { kind: 'refused', guard: guard.id, reason, message };
      }
      case 'Unknown':
        return { kind: 'unknown', guard: guard.id, missing: verdict.missing };
    }
  }
  return { kind: 'go' };
};

/**
 * Asks every guard but the rehearsal's. `go` here only means that the rehearsal may be sent: it is
 * never enough to act.
 */
export const decideBeforeRehearsal = (input: GuardInput): Decision =>
  firstObjection(guardsBeforeRehearsal, input);

/** Asks every guard; `go` permits the action. Without the answer of the rehearsal it never does. */
export const decide = (input: GuardInput): Decision => firstObjection(guards, input);
