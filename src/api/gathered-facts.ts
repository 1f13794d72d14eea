// SPDX-License-Identifier: Apache-2.0
/**
 * What is read before a decision: one snapshot of facts, each with its source and time, or with the
 * statement that it could not be read. `execute` gathers it, the guards of `plan` judge it; it stands
 * here because neither may import the other.
 */
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
import type { HealingPolicy, Mode } from './healing-policy.ts';

/** Everything that was read for one decision about one plan. */
export interface GatheredFacts {
  readonly nowMs: UnixMs;
  readonly plan: Plan;
  /** Name of the plan's own record while that is judged again before its effect. */
  readonly recordName: string | null;
  /** The policy as read live for this decision. */
  readonly policy: Fact<HealingPolicy>;
  readonly operatorNamespace: string;
  /** The operator's cap on the mode of every policy. */
  readonly operatorMaxMode: Mode;
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
}

/** What the API server said to `dryRun=All`. */
export type RehearsalAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'pdbBlocked'; readonly message: string; readonly retryAfterMs: number }
  | { readonly kind: 'denied'; readonly message: string }
  | { readonly kind: 'targetChanged'; readonly message: string }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };
