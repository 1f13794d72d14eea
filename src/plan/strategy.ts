// SPDX-License-Identifier: Apache-2.0
/**
 * The strategy contract: from what is believed to be wrong to what is proposed. A strategy proposes;
 * whether that may be done is for the guards. It is pure: same input, same plans.
 *
 * A new strategy is one file below `strategies/`, one test, one line in `strategies/index.ts`.
 */
import type { HealingPolicy, Mode } from '../api/healing-policy.ts';
import type { UnixMs } from '../domain/clock.ts';
import type { Diagnosis, Plan } from '../domain/healing.ts';

/** Everything a strategy may look at. */
export interface StrategyInput {
  readonly nowMs: UnixMs;
  readonly policy: HealingPolicy;
  /** The mode in force, see `effectiveMode`: Observe proposes nothing. */
  readonly mode: Mode;
  /** Open diagnoses of the policy. */
  readonly diagnoses: readonly Diagnosis[];
}

/** One strategy, as registered. */
export interface Strategy<Id extends string = string> {
  readonly id: Id;
  /** One line for the docs: when it proposes what. */
  readonly title: string;
  /** Most urgent plan first. */
  plan(input: StrategyInput): readonly Plan[];
}
