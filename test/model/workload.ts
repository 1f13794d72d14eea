// SPDX-License-Identifier: Apache-2.0
/**
 * A model of the controllers behind a Deployment or StatefulSet, and of the kubelet: pods that are
 * gone are replaced after a delay and become Ready after another; a container whose memory passes its
 * limit is killed and started again.
 */

import type { ModelApiServer, ModelObject } from './api-server.ts';
import { PODS } from './api-server.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What a workload is like. */
export interface WorkloadOptions {
  readonly kind: 'Deployment' | 'StatefulSet';
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly memoryLimit?: string;
  readonly memoryLimitBytes?: number;
  /** From the end of a pod to the creation of its replacement. */
  readonly createDelayMs?: number;
  /** From creation to Ready; `Infinity`: never. */
  readonly readyDelayMs?: number;
  /** Memory of a container of this age, in bytes. */
  readonly memoryBytes?: (pod: {
    readonly name: string;
    readonly uid: string;
    readonly ageMs: number;
  }) => number;
}

/** Name of the one container of each pod. */
export const CONTAINER = 'app';

const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** One workload with its pods. */
export class ModelWorkload {
  readonly #server: ModelApiServer;
  readonly #clock: VirtualClock;
  readonly #options: WorkloadOptions;
  readonly #owner: {
    apiVersion: string;
    kind: string;
    name: string;
    uid: string;
    controller: boolean;
  };
  #suffix = 0;
  #isReplacing = true;
  readonly uid: string;

  constructor(server: ModelApiServer, clock: VirtualClock, options: WorkloadOptions) {
    this.#server = server;
    this.#clock = clock;
    this.#options = options;
    const { kind, namespace, name, replicas } = options;
    const workload = server.put(this.#kind(), {
      apiVersion: 'apps/v1',
      kind,
      metadata: { name, namespace, labels: { app: name, ...options.labels } },
      spec: { replicas, selector: { matchLabels: { app: name } } },
      status: {},
    });
    this.uid = workload.metadata.uid;
    const owner = { apiVersion: 'apps/v1', controller: true };
    if (kind === 'StatefulSet') this.#owner = { ...owner, kind, name, uid: this.uid };
    else {
      const replicaSet = server.put(
        { group: 'apps', resource: 'replicasets' },
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata: {
            name: `${name}-5d9c7b`,
            namespace,
            ownerReferences: [{ ...owner, kind, name, uid: this.uid }],
          },
        },
      );
      const { uid } = replicaSet.metadata;
      this.#owner = { ...owner, kind: 'ReplicaSet', name: `${name}-5d9c7b`, uid };
    }
    for (let ordinal = 0; ordinal < replicas; ordinal += 1)
      this.#makePod(this.#nextName(ordinal), 0);
    this.#writeStatus();
    server.onChange(({ type, group, resource, object }) => {
      if (group !== '' || resource !== 'pods' || !this.#owns(object)) return;
      if (type === 'DELETED' || object.metadata.deletionTimestamp !== undefined) {
        void this.#replace(object, type === 'DELETED');
      }
      this.#writeStatus();
    });
  }

  /** The pods of the workload, oldest first. */
  pods(): readonly ModelObject[] {
    return this.#server.peek(PODS).filter((pod) => this.#owns(pod));
  }

  /** Stops or resumes the making of replacements. */
  setReplacing(isReplacing: boolean): void {
    this.#isReplacing = isReplacing;
  }

  /** Memory of a pod's container now in bytes, since its start. */
  memoryBytes(pod: ModelObject): number {
    const startedAt = pod.status?.containerStatuses?.[0]?.state?.running?.startedAt as string;
    const ageMs = this.#clock.wallMs() - Date.parse(startedAt);
    const { name, uid } = pod.metadata;
    return this.#options.memoryBytes?.({ name, uid, ageMs }) ?? 0;
  }

  /** Kills every container that has passed its limit; to be called as time goes on. */
  killForMemory(): void {
    const { memoryLimitBytes } = this.#options;
    if (memoryLimitBytes === undefined) return;
    for (const pod of this.pods()) {
      if (this.memoryBytes(pod) > memoryLimitBytes) this.oomKill(pod);
    }
  }

  /** Publishes the present memory of every pod as metrics.k8s.io does. */
  publishMetrics(): void {
    const kind = { group: 'metrics.k8s.io', resource: 'pods' };
    const { namespace } = this.#options;
    const pods = this.pods();
    for (const { metadata } of this.#server.all(kind)) {
      if (!pods.some((pod) => pod.metadata.name === metadata.name)) {
        this.#server.remove(kind, { namespace, name: metadata.name });
      }
    }
    for (const pod of pods) {
      this.#server.put(kind, {
        apiVersion: 'metrics.k8s.io/v1beta1',
        kind: 'PodMetrics',
        metadata: { name: pod.metadata.name, namespace },
        timestamp: seconds(this.#clock.wallMs()),
        window: '10s',
        containers: [
          {
            name: CONTAINER,
            usage: { cpu: '1m', memory: String(Math.round(this.memoryBytes(pod))) },
          },
        ],
      } as Parameters<ModelApiServer['put']>[1]);
    }
  }

  /** Sets the readiness of a pod. */
  setReady(name: string, isReady: boolean): void {
    const { namespace } = this.#options;
    this.#server.update(PODS, { namespace, name }, (pod) => {
      pod.status.conditions = [
        ...pod.status.conditions.filter((each: { type: string }) => each.type !== 'Ready'),
        {
          type: 'Ready',
          status: isReady ? 'True' : 'False',
          lastTransitionTime: seconds(this.#clock.wallMs()),
        },
      ];
    });
  }

  #kind() {
    const resource = this.#options.kind === 'Deployment' ? 'deployments' : 'statefulsets';
    return { group: 'apps', resource };
  }

  #owns(pod: ModelObject): boolean {
    return pod.metadata.ownerReferences?.some(({ uid }) => uid === this.#owner.uid) ?? false;
  }

  #nextName(ordinal: number): string {
    const { kind, name } = this.#options;
    if (kind === 'StatefulSet') return `${name}-${ordinal}`;
    this.#suffix += 1;
    return `${this.#owner.name}-${String(this.#suffix).padStart(5, '0')}`;
  }

  #makePod(name: string, readyDelayMs: number): void {
    const { namespace, memoryLimit = '256Mi' } = this.#options;
    const startedAt = seconds(this.#clock.wallMs());
    const pod = this.#server.put(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        labels: { app: this.#options.name, 'pod-template-hash': '5d9c7b' },
        ownerReferences: [this.#owner],
      },
      spec: {
        nodeName: 'node-1',
        containers: [{ name: CONTAINER, resources: { limits: { memory: memoryLimit } } }],
      },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: startedAt }],
        containerStatuses: [
          { name: CONTAINER, restartCount: 0, state: { running: { startedAt } } },
        ],
      },
    });
    if (readyDelayMs === 0) this.setReady(name, true);
    else if (Number.isFinite(readyDelayMs)) {
      void this.#clock.sleep(readyDelayMs).then(() => {
        const present = this.#server.find(PODS, { namespace, name });
        if (present?.metadata.uid === pod.metadata.uid) this.setReady(name, true);
      });
    }
  }

  /** A ReplicaSet replaces a pod that is terminating, a StatefulSet one that is gone. */
  async #replace(pod: ModelObject, isGone: boolean): Promise<void> {
    const isStateful = this.#options.kind === 'StatefulSet';
    if (isStateful && !isGone) return;
    const { createDelayMs = 500, readyDelayMs = 2_000, replicas } = this.#options;
    await this.#clock.sleep(createDelayMs);
    if (!this.#isReplacing) return;
    const living = this.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (living.length >= replicas) return;
    this.#makePod(isStateful ? pod.metadata.name : this.#nextName(0), readyDelayMs);
    this.#writeStatus();
  }

  /** Kills a pod's container as the kernel does, and starts it again. */
  oomKill(pod: ModelObject): void {
    const { name, namespace = '' } = pod.metadata;
    const at = seconds(this.#clock.wallMs());
    this.#server.update(PODS, { namespace, name }, (object) => {
      const [status] = object.status.containerStatuses;
      status.restartCount += 1;
      status.lastState = { terminated: { reason: 'OOMKilled', exitCode: 137, finishedAt: at } };
      status.state = { running: { startedAt: at } };
    });
  }

  #writeStatus(): void {
    const { namespace, name, replicas } = this.#options;
    const ready = this.pods().filter(
      (pod) =>
        pod.metadata.deletionTimestamp === undefined &&
        pod.status.conditions.some(
          (each: { type: string; status: string }) =>
            each.type === 'Ready' && each.status === 'True',
        ),
    );
    this.#server.update(this.#kind(), { namespace, name }, (object) => {
      object.status = {
        observedGeneration: object.metadata.generation,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: ready.length,
      };
    });
  }
}
