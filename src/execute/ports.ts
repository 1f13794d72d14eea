// SPDX-License-Identifier: Apache-2.0
/**
 * What execution is given from outside. Nothing here is imported the other way: the guards arrive as
 * a judge, the API server as a port, time as a clock, so that the live operator, the tests on
 * a virtual clock and the backtest run the same code.
 */
import type { GatheredFacts, RehearsalAnswer } from '../api/gathered-facts.ts';
import type { HealingAction } from '../api/healing-action.ts';
import type { Mode } from '../api/healing-policy.ts';
import type { Analysis } from '../domain/analysis.ts';
import type { Clock } from '../domain/clock.ts';
import type { ClusterPort, Leadership } from '../domain/cluster.ts';
import type { Fact } from '../domain/fact.ts';
import type { Verdict } from '../domain/verdict.ts';
import type { ResourceMetrics } from '../knowledge/resource-metrics.ts';

/** The pure decisions of `plan`, handed in because `execute` must not import it. */
interface Judge {
  /**
   * Asks the guards in their order. `rehearsal: null` asks all that come before the rehearsal; with
   * an answer, `rehearsalAccepted` is asked too.
   */
  decide(input: GatheredFacts & { readonly rehearsal: Fact<RehearsalAnswer> | null }): Verdict;
  /** The mode in force after every cap; `null` while a fact that it depends on is unknown. */
  effectiveMode(facts: GatheredFacts): Mode | null;
  /** The generation that a restart of the target would have; `null` while it is unknown. */
  lineageGeneration(facts: GatheredFacts): number | null;
}

/** Told of what execution does; must not block and must not throw. */
export interface ExecutionObserver {
  /** A record was created, or written with another phase. */
  phaseChanged?(record: HealingAction, previous: string | null): void;
  /** A write on a record was refused in a way that only a person can mend (RBAC, schema). */
  writeRefused?(record: HealingAction, status: number, message: string): void;
  /** This process met a higher epoch in a record: it no longer leads and must stop. */
  fenced?(record: HealingAction): void;
}

/** The world as execution meets it. */
export interface ExecutionPorts {
  /** Unfenced: execution wraps it itself. */
  readonly cluster: ClusterPort;
  readonly analysis: Pick<Analysis, 'query'>;
  readonly clock: Clock;
  readonly leadership: Leadership;
  readonly metrics: ResourceMetrics;
  readonly judge: Judge;
  readonly observer?: ExecutionObserver;
  /** Resolves at the next change of a pod of the namespace, or when the signal aborts; never rejects. */
  readonly podsChanged?: (namespace: string, signal: AbortSignal) => Promise<void>;
}

/** Settings of execution. */
export interface ExecutionOptions {
  readonly operatorNamespace: string;
  readonly operatorMaxMode: Mode;
  /** Deadline of every write in ms: 1/5 of the lease duration. */
  readonly writeDeadlineMs: number;
}

/** What became of a submitted plan. */
export type Submission =
  /** The mode is Observe: nothing was written. */
  | { readonly kind: 'observed'; readonly facts: GatheredFacts }
  /** No record exists and nothing was written but a rehearsal. */
  | {
      readonly kind: 'refused';
      readonly verdict: Exclude<Verdict, { readonly kind: 'Pass' }>;
      readonly facts: GatheredFacts;
      /** The server's wish, from the rehearsal; `null`: none. */
      readonly retryAfterMs: number | null;
    }
  /** The record exists now; hand it to `drive`. `adopted`: it existed before. */
  | {
      readonly kind: 'recorded';
      readonly record: HealingAction;
      readonly adopted: boolean;
      readonly facts: GatheredFacts;
    }
  /** It is not known whether the record exists; submitting again finds out. */
  | { readonly kind: 'inDoubt'; readonly message: string; readonly facts: GatheredFacts };

/** How the drive of one record ended. */
export type DriveEnd =
  /** The record is terminal. */
  | { readonly kind: 'terminal'; readonly record: HealingAction }
  /** A newer leader owns the record: this process must never write it again. */
  | { readonly kind: 'fenced'; readonly record: HealingAction }
  /** The record was deleted, or made anew by somebody else. */
  | { readonly kind: 'gone'; readonly record: HealingAction }
  /** Leadership was lost or the signal aborted; whoever leads next goes on from the record. */
  | { readonly kind: 'stopped'; readonly record: HealingAction };

/** What a decision about an existing record said. */
export interface Decision {
  readonly verdict: Verdict;
  /** The target as last read, for the preconditions of the next request; `null`: it is not there. */
  readonly target: { readonly uid: string; readonly resourceVersion: string } | null;
}
