// SPDX-License-Identifier: Apache-2.0
/**
 * The guard contract: one question about a plan, answered from one gathered snapshot.
 *
 * A guard is pure and total: no I/O, no clock, never throws. It passes, refuses with a reason and a
 * sentence that names the object and the limit, or says which fact it misses. Unknown does not pass.
 * `guards/index.ts` is the commented list in the order of DESIGN 4.5; the first that does not pass
 * wins, and then the set of mutating calls is empty.
 */
import type { GatheredFacts, RehearsalAnswer } from '../api/gathered-facts.ts';
import type { Fact } from '../domain/fact.ts';
import type { Verdict } from '../domain/verdict.ts';

/** Everything the guards may look at, read once per decision. */
export interface GuardInput extends GatheredFacts {
  /** What the dry run of the action's requests answered; asked last, `null` before the rehearsal. */
  readonly rehearsal: Fact<RehearsalAnswer> | null;
}

/** One guard, as registered. */
export interface Guard<Id extends string = string> {
  readonly id: Id;
  /** One line for the docs: what it asks. */
  readonly title: string;
  check(input: GuardInput): Verdict;
}
