// SPDX-License-Identifier: Apache-2.0
// Memory of simulated pods: what each really holds (metrics.k8s.io says that) and what telemetry says
// it holds, which a test may make differ.
import type { ControlPlane } from '../control-plane/control-plane.ts';
import type { PodMetrics } from '../control-plane/metrics-api.ts';
import { type MemoryFigure, sendMemory } from '../otlp-senders/memory-sender.ts';
import { seededRandom } from '../seeded-random.ts';
import { podsOf, type SeenPod } from './objects.ts';

const MIB = 2 ** 20;

/** How the pods of one namespace behave. */
export interface ModelledMemory {
  readonly namespace: string;
  /** Bytes that the pod really holds. */
  readonly truth: (pod: SeenPod, nowMs: number) => number;
  /** Bytes that telemetry says of it; the truth by default. */
  readonly told?: (pod: SeenPod, nowMs: number) => number;
  /** Port of the operator's OTLP/HTTP receiver now; 0: nobody is told. */
  readonly port: () => number;
}

/** Answers of the receiver to one namespace's figures. */
export interface Delivery {
  readonly atMs: number;
  readonly status: number;
}

/** Holds everything that runs beside a test and says when it ends. */
export interface MemoryModel {
  /** For `registerMetricsApi`. */
  readonly metrics: () => readonly PodMetrics[];
  /** What became of the figures of a namespace, oldest first. */
  deliveries(namespace: string): readonly Delivery[];
  stop(): Promise<void>;
}

const SEND_MS = 500;

/**
 * Sends the figures of every namespace twice a second until `stop`, with a seeded noise of up to a
 * mebibyte. When the API server does not answer, the pods are those that were seen last.
 */
export const modelMemory = (
  cluster: ControlPlane,
  shops: readonly ModelledMemory[],
  seed = 1,
): MemoryModel => {
  const random = seededRandom(seed);
  const pods = new Map<string, readonly SeenPod[]>();
  const deliveries = new Map<string, Delivery[]>(shops.map(({ namespace }) => [namespace, []]));
  let isStopped = false;

  const metrics = (): readonly PodMetrics[] => {
    const nowMs = Date.now();
    return shops.flatMap(({ namespace, truth }) =>
      (pods.get(namespace) ?? []).map((pod) => ({
        namespace,
        name: pod.metadata.name,
        labels: pod.metadata.labels,
        containers: [{ name: 'web', cpuNanocores: 0, memoryBytes: truth(pod, nowMs) }],
      })),
    );
  };

  const tell = async ({ namespace, truth, told = truth, port }: ModelledMemory): Promise<void> => {
    if (port() === 0) return;
    const timeMs = Date.now();
    const figures = (pods.get(namespace) ?? []).map(
      ({ metadata }, index): MemoryFigure => ({
        namespace,
        podName: metadata.name,
        podUid: metadata.uid,
        container: 'web',
        bytes: told((pods.get(namespace) ?? [])[index] as SeenPod, timeMs) + random() * MIB,
        timeMs,
      }),
    );
    if (figures.length === 0) return;
    const status = await sendMemory(port(), figures);
    deliveries.get(namespace)?.push({ atMs: timeMs, status });
  };

  const look = async ({ namespace }: ModelledMemory): Promise<void> => {
    pods.set(namespace, await podsOf(cluster, namespace));
  };

  const every = async (work: (shop: ModelledMemory) => Promise<void>): Promise<void> => {
    while (!isStopped) {
      await Promise.all(shops.map((shop) => work(shop).catch(() => undefined)));
      await new Promise((resolve) => setTimeout(resolve, SEND_MS));
    }
  };
  const running = Promise.all([every(look), every(tell)]);
  return {
    metrics,
    deliveries: (namespace) => deliveries.get(namespace) ?? [],
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
};
