// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from './clock.ts';

/** A pod as one life of a name: the uid tells a replacement from its predecessor. */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** The top owner of a pod: what a user wrote (Deployment, StatefulSet), not the ReplicaSet between. */
export interface WorkloadRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** One container of one pod, the thing that leaks. */
export interface ContainerRef {
  readonly pod: PodRef;
  /** `null`: the pod has no controlling owner, or its owner could not be resolved. */
  readonly workload: WorkloadRef | null;
  readonly container: string;
}

/**
 * What the API server says of one container. The truth that telemetry is checked against; goes to the
 * analysis worker as object deltas, never the other way.
 */
export interface ContainerFacts {
  readonly ref: ContainerRef;
  /** `pod-template-hash` or `controller-revision-hash`; empty when the pod has neither. */
  readonly templateHash: string;
  /** Memory limit in bytes as it is in force now; `null`: none is set, so no time to OOM exists. */
  readonly memoryLimitBytes: number | null;
  readonly restartCount: number;
  /** Start of the running container; `null`: it is not running. */
  readonly startedAtMs: UnixMs | null;
  readonly podCreatedAtMs: UnixMs;
  readonly podReady: boolean;
  /** Reason and end of the container's last termination, for example `OOMKilled`; `null`: none. */
  readonly lastTermination: { readonly reason: string; readonly finishedAtMs: UnixMs } | null;
}

/** A change of the pods that the analysis worker may know of. */
export type ObjectDelta =
  | {
      readonly kind: 'upsert';
      readonly podUid: string;
      readonly containers: readonly ContainerFacts[];
    }
  | { readonly kind: 'delete'; readonly podUid: string };

/** Names a container's life in maps: pod uid and container name. */
export const containerKey = (podUid: string, container: string): string => `${podUid}/${container}`;
