// SPDX-License-Identifier: Apache-2.0
// A node without root and without containers: each container of a pod bound to it runs as a local
// process. It is no sandbox; it exists so that the demo runs anywhere. What it does not understand
// it refuses with a Warning in the pod's status, never silently.
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import {
  type MetricsApi,
  type PodMetrics,
  registerMetricsApi,
} from '../control-plane/metrics-api.ts';
import { ContainerProcess, type Program } from './container-process.ts';
import { environmentOf, type Pod } from './pod-spec.ts';
import { type ConditionTimes, podStatus, type RunningContainer } from './pod-status.ts';

/** Configures a process node. */
export interface ProcessNodeOptions {
  /** `process-node` by default. */
  readonly name?: string;
  /** Image name to program: the only images that this node can run. */
  readonly programs: Readonly<Record<string, Program>>;
  readonly onProgress?: (line: string) => void;
}

/** Controls a running process node. */
export interface ProcessNode {
  readonly name: string;
  /** Log file of a container. */
  logFile(pod: { namespace: string; name: string }, container: string): string;
  /** Stops all pods and serves nothing more; the Node object is deleted. */
  stop(): Promise<void>;
}

interface RunningPod {
  readonly pod: Pod;
  readonly podIp: string;
  readonly startTime: string;
  readonly containers: RunningContainer[];
  readonly times: ConditionTimes;
  written: string;
  isStopping: boolean;
}

const POLL_MS = 250;
const HEARTBEAT_MS = 10_000;
const podsOf = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;
const rfc3339 = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

/** Registers a node and runs the pods that are bound to it until `stop`. */
export const startProcessNode = async (
  controlPlane: ControlPlane,
  options: ProcessNodeOptions,
): Promise<ProcessNode> => {
  const node = new NodeAgent(controlPlane, options);
  await node.start();
  return node;
};

class NodeAgent implements ProcessNode {
  readonly name: string;
  readonly #controlPlane: ControlPlane;
  readonly #programs: Readonly<Record<string, Program>>;
  readonly #onProgress: (line: string) => void;
  readonly #pods = new Map<string, RunningPod>();
  readonly #folder: string;
  #metrics: MetricsApi | null = null;
  /** A network of its own, drawn by lot: nodes of other runs have pods with the same ports. */
  readonly #network = `127.${randomInt(64, 255)}.${randomInt(256)}`;
  #nextIp = 0;
  #isStopped = false;
  #complaint = '';
  #loop: Promise<void> = Promise.resolve();

  constructor(controlPlane: ControlPlane, options: ProcessNodeOptions) {
    this.#controlPlane = controlPlane;
    this.name = options.name ?? 'process-node';
    this.#programs = options.programs;
    this.#onProgress = options.onProgress ?? (() => undefined);
    this.#folder = join(controlPlane.dir, `logs-${this.name}`);
    mkdirSync(this.#folder, { recursive: true });
  }

  logFile({ namespace, name }: { namespace: string; name: string }, container: string): string {
    return join(this.#folder, `${namespace}_${name}_${container}.log`);
  }

  async start(): Promise<void> {
    const { request } = this.#controlPlane;
    const created = await request('POST', '/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: this.name,
        labels: { 'kubernetes.io/hostname': this.name, 'kubernetes.io/os': 'linux' },
      },
    });
    if (created.status !== 201)
      throw new Error(`node ${this.name}: ${JSON.stringify(created.body)}`);
    await this.#heartbeat();
    this.#metrics = await registerMetricsApi(this.#controlPlane, () => this.#podMetrics());
    this.#loop = this.#run();
    await this.#controlPlane.waitFor(`node ${this.name} has no taint`, async () => {
      const { body } = await request<{ spec: { taints?: unknown[] } }>(
        'GET',
        `/api/v1/nodes/${this.name}`,
      );
      return (body.spec.taints ?? []).length === 0;
    });
    this.#onProgress(
      `process node ${this.name} is Ready (no containers: pods run as local processes)`,
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
    await Promise.all(
      [...this.#pods.values()].flatMap(({ containers }) =>
        containers.map(({ process }) => process.stop(1000)),
      ),
    );
    await this.#metrics?.stop();
    await this.#controlPlane.request('DELETE', `/api/v1/nodes/${this.name}`);
  }

  async #run(): Promise<void> {
    let heartbeatAt = performance.now();
    while (!this.#isStopped) {
      try {
        if (performance.now() - heartbeatAt > HEARTBEAT_MS) {
          heartbeatAt = performance.now();
          await this.#heartbeat();
        }
        await this.#sync();
      } catch (error) {
        // The API server may be restarted by a test: what was seen last stays as it is.
        this.#complain((error as Error).message);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Tells a trouble once, not at every poll. */
  #complain(message: string): void {
    if (message !== this.#complaint) this.#onProgress(`process node: ${message}`);
    this.#complaint = message;
  }

  async #heartbeat(): Promise<void> {
    const capacity = { cpu: '16', memory: '64Gi', pods: '110' };
    const ready = { type: 'Ready', status: 'True', reason: 'ProcessNodeReady', message: 'ready' };
    await this.#controlPlane.request(
      'PATCH',
      `/api/v1/nodes/${this.name}/status`,
      {
        status: {
          capacity,
          allocatable: capacity,
          conditions: [{ ...ready, lastHeartbeatTime: rfc3339(), lastTransitionTime: rfc3339() }],
          addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        },
      },
      { contentType: 'application/strategic-merge-patch+json' },
    );
  }

  async #sync(): Promise<void> {
    const list = await this.#controlPlane.request<{ items: Pod[] }>(
      'GET',
      `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${this.name}`)}`,
    );
    if (list.status !== 200) throw new Error(`cannot list pods: ${list.status}`);
    const present = new Set<string>();
    for (const pod of list.body.items) {
      present.add(pod.metadata.uid);
      const running = this.#pods.get(pod.metadata.uid) ?? this.#startPod(pod);
      if (pod.metadata.deletionTimestamp !== undefined) this.#stopPod(running, pod);
    }
    for (const [uid, running] of this.#pods) {
      if (!present.has(uid)) this.#stopPod(running, null);
    }
    await Promise.all([...this.#pods.values()].map((running) => this.#writeStatus(running)));
  }

  #startPod(pod: Pod): RunningPod {
    this.#nextIp = (this.#nextIp % 254) + 1;
    // Every address of 127/8 is loopback on Linux, so pods may use the same ports.
    const podIp = `${this.#network}.${this.#nextIp}`;
    const running: RunningPod = {
      pod,
      podIp,
      startTime: rfc3339(),
      containers: pod.spec.containers.map((spec) => ({
        spec,
        process: new ContainerProcess({
          spec,
          program: this.#programOf(spec.image),
          environment: environmentOf(pod, spec, podIp),
          podIp,
          logFile: this.logFile(pod.metadata, spec.name),
          watchdog: this.#controlPlane.watchdog,
          onChange: () => undefined,
        }),
      })),
      times: new Map(),
      written: '',
      isStopping: false,
    };
    this.#pods.set(pod.metadata.uid, running);
    if (pod.metadata.deletionTimestamp === undefined) {
      for (const { process } of running.containers) process.start();
    }
    return running;
  }

  #programOf(image: string): Program {
    return (
      this.#programs[image] ?? {
        command: '/bin/sh',
        args: ['-c', `echo 'the process node knows no image called ${image}' >&2; exit 125`],
      }
    );
  }

  #stopPod(running: RunningPod, pod: Pod | null): void {
    if (running.isStopping) return;
    running.isStopping = true;
    const { metadata } = running.pod;
    const graceMs = (pod?.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const end = async (): Promise<void> => {
      await Promise.all(running.containers.map(({ process }) => process.stop(graceMs)));
      // As the kubelet does: the object goes when the processes are gone.
      await this.#controlPlane.request('DELETE', `${podsOf(metadata.namespace)}/${metadata.name}`, {
        gracePeriodSeconds: 0,
        preconditions: { uid: metadata.uid },
      });
      this.#pods.delete(metadata.uid);
    };
    end().catch(() => {
      running.isStopping = false;
    });
  }

  async #writeStatus(running: RunningPod): Promise<void> {
    const status = podStatus(running.containers, running);
    const text = JSON.stringify(status);
    if (text === running.written || running.isStopping) return;
    const { namespace, name, uid } = running.pod.metadata;
    const { status: code, body } = await this.#controlPlane.request(
      'PATCH',
      `${podsOf(namespace)}/${name}/status`,
      { metadata: { uid }, status },
      { contentType: 'application/strategic-merge-patch+json' },
    );
    if (code === 200) running.written = text;
    else if (code !== 404)
      throw new Error(`status of ${namespace}/${name}: ${JSON.stringify(body)}`);
  }

  #podMetrics(): readonly PodMetrics[] {
    return [...this.#pods.values()].flatMap(({ pod, containers, isStopping }) => {
      const measured = containers.flatMap(({ spec, process }) => {
        const memoryBytes = process.residentBytes();
        return memoryBytes === null ? [] : [{ name: spec.name, cpuNanocores: 0, memoryBytes }];
      });
      const { namespace, name, labels = {} } = pod.metadata;
      return isStopping || measured.length === 0
        ? []
        : [{ namespace, name, labels, containers: measured }];
    });
  }
}
