// SPDX-License-Identifier: Apache-2.0
/**
 * What the loop is given from outside. Live operation, the tests on a virtual clock and the backtest
 * differ in these and in nothing else.
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { Mode } from '../api/healing-policy.ts';
import type { Analysis } from '../domain/analysis.ts';
import type { Clock } from '../domain/clock.ts';
import type { ClusterPort, EventSink, Leadership } from '../domain/cluster.ts';
import type { TriggerRef } from '../domain/evidence.ts';
import type { Plan } from '../domain/healing.ts';
import type { Adoption } from '../execute/adopt.ts';
import type { DriveEnd, Submission } from '../execute/ports.ts';
import type { Log } from '../instrumentation/log.ts';
import type { DecisionTracer } from '../instrumentation/trace.ts';
import type { ResourceMetricsStore } from '../knowledge/resource-metrics.ts';
import type { Strategy } from '../plan/strategy.ts';
import type { ClusterState } from './cluster-state.ts';

/** The executing side, as the loop uses it. */
export interface Execution {
  /** Gathers, judges, rehearses and records one plan; never rejects. */
  submit(plan: Plan): Promise<Submission>;
  /** Drives one record to its end; never rejects. */
  drive(record: HealingAction, signal: AbortSignal): Promise<DriveEnd>;
  /** Writes the own epoch into every open record: then an older leader can write none. */
  adopt(): Promise<Adoption>;
}

/** Told of what the loop does; must not block and must not throw. */
export interface LoopObserver {
  decided?(result: 'recorded' | 'refused' | 'observed' | 'inDoubt', reason: string): void;
  ended?(record: HealingAction): void;
  policies?(byMode: Readonly<Record<Mode, number>>): void;
  /** A record carries a higher epoch: this process does not lead, whatever the Lease says. */
  fenced?(epoch: number): void;
}

/** The world as the loop meets it. */
export interface LoopPorts {
  readonly clock: Clock;
  readonly state: ClusterState;
  /** Writes of the loop itself: incidents and statuses. Fenced. */
  readonly cluster: ClusterPort;
  readonly analysis: Analysis;
  readonly leadership: Leadership;
  readonly execution: Execution;
  readonly events: EventSink;
  readonly metrics: ResourceMetricsStore;
  readonly strategies: readonly Strategy[];
  readonly log: Log;
  readonly tracer: DecisionTracer;
  /** Calls that the API server refused with 403 of late, as sentences. */
  readonly denials: () => readonly string[];
  /** Triggers whose detector cannot be bound or throws, with the reason. */
  readonly detectorFailures?: () => readonly {
    readonly trigger: TriggerRef;
    readonly message: string;
  }[];
  readonly observer?: LoopObserver;
}

/** Settings of the loop. */
export interface LoopOptions {
  readonly operatorMaxMode: Mode;
  /** Time between two polls of metrics.k8s.io in ms. */
  readonly resourceMetricsIntervalMs: number;
}
