// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from './clock.ts';
import type { ContainerRef, WorkloadRef } from './entity.ts';
import type { Evidence } from './evidence.ts';

/**
 * What is believed to be wrong, and why. In this version a diagnosis wraps one piece of evidence;
 * later it comes from several signals with a posterior.
 */
export interface Diagnosis {
  /** Name of the incident: see `incidentName`. */
  readonly incident: string;
  readonly cause: string;
  readonly subject: ContainerRef;
  readonly evidence: Evidence;
}

/** The step of a policy's ladder that a plan stands for. */
export interface PlanStep {
  readonly index: number;
  readonly name: string;
  /** API name of the action, for example `restart`. */
  readonly action: string;
}

/** What is proposed for one target: judged by the guards, rehearsed, then recorded. */
export interface Plan {
  readonly policyUid: string;
  readonly incident: string;
  readonly step: PlanStep;
  readonly target: ContainerRef & { readonly workload: WorkloadRef };
  readonly diagnosis: Diagnosis;
  /** Live plans act; the others are rehearsed only and judged by simulated records. */
  readonly live: boolean;
}

/** A pod as the guards see it: a live read of the API server, reduced to what they judge. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly createdAtMs: UnixMs;
  readonly deleting: boolean;
  readonly ready: boolean;
  readonly phase: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly nodeName: string | null;
  /** True when a mirror annotation says that the kubelet made it from a file. */
  readonly isStatic: boolean;
  readonly containers: readonly {
    readonly name: string;
    readonly restartCount: number;
    readonly startedAtMs: UnixMs | null;
    readonly memoryLimitBytes: number | null;
    readonly lastTermination: { readonly reason: string; readonly finishedAtMs: UnixMs } | null;
  }[];
  readonly templateHash: string;
}

/** A workload as the guards see it. */
export interface WorkloadFacts {
  readonly ref: WorkloadRef;
  readonly desiredReplicas: number;
  readonly readyReplicas: number;
  readonly updatedReplicas: number;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A state that an action passes through; guards judge each, not only the last. */
export interface PredictedState {
  readonly readyReplicas: number;
  readonly desiredReplicas: number;
}

/** A record as the limits see it. */
export interface ActionSummary {
  readonly name: string;
  readonly policyUid: string;
  readonly policyName: string;
  readonly action: string;
  readonly cause: string;
  readonly targetUid: string;
  readonly workloadUid: string;
  readonly container: string;
  readonly live: boolean;
  readonly phase: string;
  readonly reason: string | null;
  readonly open: boolean;
  readonly lineageGeneration: number;
  readonly attempt: number;
  readonly createdAtMs: UnixMs;
  /** When the effect was first known or sent; `null`: nothing was ever sent. */
  readonly actedAtMs: UnixMs | null;
  readonly finishedAtMs: UnixMs | null;
}

/** The same quantity from two independent sources at the same moments. */
export interface CorroborationSeries {
  readonly quantity: string;
  /** Oldest first; `independentBytes` by metrics.k8s.io, `telemetryBytes` interpolated, `null` where it cannot be. */
  readonly points: readonly {
    readonly timeMs: UnixMs;
    readonly independentBytes: number;
    readonly telemetryBytes: number | null;
  }[];
  /** OOMKilled in the same pod-template generation, newest end; `null`: none. */
  readonly oomKilledAtMs: UnixMs | null;
}

/** Another policy that targets the same workload and may act. */
export interface RivalPolicy {
  readonly name: string;
  readonly uid: string;
  readonly priority: number;
}
