// SPDX-License-Identifier: Apache-2.0

/**
 * Why a plan or a record was refused: one CamelCase word, the same in code, CRD, metric label and
 * Event. A reason enters this list only when a guard or the protocol can produce it.
 */
export const BLOCK_REASONS = [
  'NotLeader',
  'Paused',
  'Protected',
  'TargetChanged',
  'StaleData',
  'NotCorroborated',
  'StormActive',
  'MinHealthy',
  'BreakerOpen',
  'Recurrence',
  'Cooldown',
  'BudgetExhausted',
  'UnsupportedOwner',
  'TargetBusy',
  'Conflict',
  'RBACDenied',
  'PDBBlocked',
  'DryRunRefused',
  'FactMissing',
] as const;

/** One of {@link BLOCK_REASONS}. */
export type BlockReason = (typeof BLOCK_REASONS)[number];

/** What a guard says. `Unknown` does not pass. */
export type Verdict =
  | { readonly kind: 'Pass' }
  | { readonly kind: 'Refuse'; readonly reason: BlockReason; readonly message: string }
  | { readonly kind: 'Unknown'; readonly missing: string };

/** The verdict of a guard that has nothing against the plan. */
export const PASS: Verdict = { kind: 'Pass' };
