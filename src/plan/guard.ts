// SPDX-License-Identifier: Apache-2.0
/**
 * The guard contract: one question about a plan, answered from one gathered snapshot.
 *
 * A guard is pure and total: no I/O, no clock, never throws. It passes, refuses with a reason and a
 * sentence that names the object and the limit, or says which fact it misses. Unknown does not pass.
 * `guards/index.ts` is the commented list in the order of DESIGN 4.5; the first that does not pass
 * wins, and then the set of mutating calls is empty.
 */
import type { HealingPolicy } from '../api/healing-policy.ts';
import type { UnixMs } from '../domain/clock.ts';
import type { Fact } from '../domain/fact.ts';
import type {
  ActionSummary,
  CorroborationSeries,
  Plan,
  PodFacts,
  PredictedState,
  RivalPolicy,
  WorkloadFacts,
} from '../domain/healing.ts';
import type { Verdict } from '../domain/verdict.ts';

/** Everything the guards may look at, read once per decision. */
export interface GuardInput {
  readonly nowMs: UnixMs;
  readonly plan: Plan;
  /** True while the plan's own record exists and is being judged again before its effect. */
  readonly recordName: string | null;
  /** The policy as read live for this decision. */
  readonly policy: Fact<HealingPolicy>;
  readonly operatorNamespace: string;
  readonly leadership: Fact<{ readonly mayWrite: boolean }>;
  readonly namespace: Fact<{
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }>;
  /** The target pod; a known `null`: it is gone. */
  readonly target: Fact<PodFacts | null>;
  readonly workload: Fact<WorkloadFacts | null>;
  /** All pods of the workload, the target among them. */
  readonly peers: Fact<readonly PodFacts[]>;
  /** All pods of all workloads that the policy targets. */
  readonly population: Fact<{ readonly total: number; readonly healthy: number }>;
  /** End of the last storm of this policy, from its status; `null`: none is remembered. */
  readonly stormEndedAtMs: Fact<UnixMs | null>;
  /** All records of the namespace. */
  readonly records: Fact<readonly ActionSummary[]>;
  readonly corroboration: Fact<CorroborationSeries>;
  readonly rivals: Fact<readonly RivalPolicy[]>;
  /** Every state that the action passes through. */
  readonly predicted: Fact<readonly PredictedState[]>;
  /** What the dry run of the action's requests answered; asked last, `null` before the rehearsal. */
  readonly rehearsal: Fact<RehearsalAnswer> | null;
}

/** What the API server said to `dryRun=All`. */
export type RehearsalAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'pdbBlocked'; readonly message: string; readonly retryAfterMs: number }
  | { readonly kind: 'denied'; readonly message: string }
  | { readonly kind: 'targetChanged'; readonly message: string }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

/** One guard, as registered. */
export interface Guard<Id extends string = string> {
  readonly id: Id;
  /** One line for the docs: what it asks. */
  readonly title: string;
  check(input: GuardInput): Verdict;
}
