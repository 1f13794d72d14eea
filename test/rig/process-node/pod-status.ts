// SPDX-License-Identifier: Apache-2.0
import type { ContainerProcess } from './container-process.ts';
import type { ContainerSpec } from './pod-spec.ts';

/** A container of the pod with the process that stands for it. */
export interface RunningContainer {
  readonly spec: ContainerSpec;
  readonly process: ContainerProcess;
}

const containerStatus = ({ spec, process }: RunningContainer): Record<string, unknown> => ({
  name: spec.name,
  image: spec.image,
  imageID: `process://${spec.image}`,
  ready: process.isReady,
  started: process.isStarted,
  restartCount: process.restartCount,
  ...(process.pid === null ? {} : { containerID: `process://${process.pid}` }),
  state:
    process.startedAt === null
      ? {
          waiting: {
            reason: process.lastTermination === null ? 'ContainerCreating' : 'CrashLoopBackOff',
          },
        }
      : { running: { startedAt: process.startedAt } },
  lastState: process.lastTermination === null ? {} : { terminated: process.lastTermination },
});

/** Remembers when a condition last changed, so that a rewrite does not move the time. */
export type ConditionTimes = Map<string, { readonly status: string; readonly since: string }>;

const condition = (
  times: ConditionTimes,
  type: string,
  holds: boolean,
): Record<string, unknown> => {
  const status = holds ? 'True' : 'False';
  const before = times.get(type);
  const since =
    before?.status === status ? before.since : new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  times.set(type, { status, since });
  return { type, status, lastTransitionTime: since };
};

/** Writes `status` of a pod as the kubelet does. */
export const podStatus = (
  containers: readonly RunningContainer[],
  pod: { readonly podIp: string; readonly startTime: string; readonly times: ConditionTimes },
): Record<string, unknown> => {
  const allReady = containers.every(({ process }) => process.isReady);
  return {
    phase: 'Running',
    hostIP: '127.0.0.1',
    podIP: pod.podIp,
    podIPs: [{ ip: pod.podIp }],
    startTime: pod.startTime,
    conditions: [
      condition(pod.times, 'PodScheduled', true),
      condition(pod.times, 'Initialized', true),
      condition(pod.times, 'ContainersReady', allReady),
      condition(pod.times, 'Ready', allReady),
    ],
    containerStatuses: containers.map(containerStatus),
  };
};
