// SPDX-License-Identifier: Apache-2.0
// Simulated workloads on kwok nodes that leak on paper: one source of truth about each container's
// memory, told by metrics.k8s.io and sent over OTLP. Worked example:
//
//   const shop = await openShop(cluster);
//   const feed = shop.feed('shop-0');
//   await shop.stock('shop-0', 'web');                 // three replicas, one of them leaks
//   feed.show('web');
//   const stop = feed.tell({ port: operator.ports.http, sinceMs: Date.now() - 9_000 });
//   ...
//   await shop.close();
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import {
  type MetricsApi,
  type PodMetrics,
  registerMetricsApi,
} from '../control-plane/metrics-api.ts';
import { type MemoryFigure, sendMemory } from '../otlp-senders/memory-sender.ts';
import { bytesAt, type ShopPod, sampleTimes } from './leak.ts';
import { CONTAINER, SHOP_LABEL, shopDeployment } from './manifests.ts';

/** A receiver of OTLP, and how far back it is told. */
export interface Listener {
  readonly port: number;
  /** Samples from before this time are not sent to it. */
  readonly sinceMs: number;
}

/** The senders of one namespace. */
export interface Feed {
  /** Chooses the workload whose pods send. */
  show(workload: string): void;
  /** Sends to a receiver until the function that is returned is called; whoever hangs holds up nobody else. */
  tell(listener: Listener): () => void;
}

/** A running shop. */
export interface Shop {
  readonly pods: () => readonly ShopPod[];
  /** Begins to send for a namespace. */
  feed(namespace: string): Feed;
  /** Makes a Deployment, and resolves with the pod that leaks once all are Ready. */
  stock(namespace: string, workload: string): Promise<ShopPod>;
  close(): Promise<void>;
}

const LOOK_MS = 300;
const SEND_MS = 400;

interface RawPod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly state?: { readonly running?: { readonly startedAt?: string } };
    }[];
  };
}

const shopPod = ({ metadata, status }: RawPod): readonly ShopPod[] => {
  const startedAt = status?.containerStatuses?.[0]?.state?.running?.startedAt;
  if (startedAt === undefined || metadata.deletionTimestamp !== undefined) return [];
  return [
    {
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      workload: metadata.labels[SHOP_LABEL] ?? '',
      startedAtMs: Date.parse(startedAt),
      isReady:
        status?.conditions?.some(
          ({ type, status: value }) => type === 'Ready' && value === 'True',
        ) === true,
    },
  ];
};

class OpenShop implements Shop {
  readonly #cluster: ControlPlane;
  readonly #closing = new AbortController();
  readonly #leaking = new Set<string>();
  readonly #loops: Promise<void>[] = [];
  #pods: readonly ShopPod[] = [];
  #metrics: MetricsApi | null = null;

  constructor(cluster: ControlPlane) {
    this.#cluster = cluster;
  }

  async open(): Promise<void> {
    this.#metrics = await registerMetricsApi(this.#cluster, () => this.#podMetrics());
    this.#loop(LOOK_MS, () => this.#look());
  }

  pods(): readonly ShopPod[] {
    return this.#pods;
  }

  feed(namespace: string): Feed {
    let shown = '';
    return {
      show: (workload) => {
        shown = workload;
      },
      tell: ({ port, sinceMs }) => {
        const over = new AbortController();
        const send = async (): Promise<void> => {
          const pods = this.#pods.filter(
            (pod) => pod.namespace === namespace && pod.workload === shown,
          );
          const nowMs = Date.now();
          await sendMemory(
            port,
            pods.flatMap((pod) => this.#figures(pod, sinceMs, nowMs)),
          );
        };
        this.#loop(SEND_MS, send, over.signal);
        return () => over.abort();
      },
    };
  }

  async stock(namespace: string, workload: string): Promise<ShopPod> {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const { status, body } = await this.#cluster.request(
      'POST',
      path,
      shopDeployment(namespace, workload),
    );
    if (status !== 201) throw new Error(`${path}: ${JSON.stringify(body)}`);
    const pods = await this.#cluster.waitFor(
      `three replicas of ${namespace}/${workload}`,
      () => {
        const mine = this.#pods.filter(
          (pod) => pod.namespace === namespace && pod.workload === workload && pod.isReady,
        );
        return mine.length === 3 ? mine : undefined;
      },
      120_000,
    );
    const [leaking] = pods.toSorted((a, b) => a.name.localeCompare(b.name));
    if (leaking === undefined) throw new Error('no pod');
    this.#leaking.add(leaking.uid);
    return leaking;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#loops);
    await this.#metrics?.stop();
  }

  #loop(pauseMs: number, work: () => Promise<void>, over?: AbortSignal): void {
    const closing = this.#closing.signal;
    const signal = over === undefined ? closing : AbortSignal.any([closing, over]);
    const run = async (): Promise<void> => {
      while (!signal.aborted) {
        // The API server may be away for a moment; the next round tells.
        await work().catch(() => undefined);
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    };
    this.#loops.push(run());
  }

  async #look(): Promise<void> {
    const path = `/api/v1/pods?labelSelector=${encodeURIComponent(SHOP_LABEL)}`;
    const { status, body } = await this.#cluster.request<{ items: readonly RawPod[] }>('GET', path);
    if (status === 200) this.#pods = body.items.flatMap(shopPod);
  }

  #figures(pod: ShopPod, sinceMs: number, nowMs: number): readonly MemoryFigure[] {
    const { namespace, name: podName, uid: podUid } = pod;
    const isLeaking = this.#leaking.has(podUid);
    return sampleTimes(Math.max(pod.startedAtMs, sinceMs), nowMs).map((timeMs) => ({
      ...{ namespace, podName, podUid, container: CONTAINER, timeMs },
      bytes: bytesAt(pod, isLeaking, timeMs),
    }));
  }

  /** The true value at the last whole second: the API tells times in seconds. */
  #podMetrics(): readonly PodMetrics[] {
    const timestampMs = Math.floor(Date.now() / 1000) * 1000;
    return this.#pods
      .filter(({ startedAtMs }) => startedAtMs <= timestampMs)
      .map((pod) => {
        const memoryBytes = bytesAt(pod, this.#leaking.has(pod.uid), timestampMs);
        const { namespace, name } = pod;
        return {
          ...{ namespace, name, timestampMs, windowSeconds: 1 },
          containers: [{ name: CONTAINER, cpuNanocores: 0, memoryBytes }],
        };
      });
  }
}

/** Opens a shop on a control plane with kwok nodes, and serves metrics.k8s.io. */
export const openShop = async (cluster: ControlPlane): Promise<Shop> => {
  const shop = new OpenShop(cluster);
  await shop.open();
  return shop;
};
