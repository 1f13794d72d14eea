// SPDX-License-Identifier: Apache-2.0
// The contract of a cluster with one real node: a control plane as in test/rig/control-plane, and
// beside it a kubelet, containerd and runc in namespaces of their own, with kube-proxy, cluster DNS
// and metrics-server. This machine reaches the API server, pods and Services by their addresses;
// the node reaches nothing but this machine's end of the link between them. Worked example:
//
//   const image = await nodeAppImage({ name: 'web:1', files, entrypoint: ['/app/web.ts'] });
//   const cluster = await startRealNode({ images: [image] });
//   await cluster.kubectl(['create', 'deployment', 'web', '--image=web:1', '--replicas=2']);
//   await cluster.stop();
import type { ChildProcess } from 'node:child_process';
import type { Component } from '../control-plane/component.ts';
import type {
  ComponentName,
  ControlPlane,
  ControlPlaneOptions,
} from '../control-plane/control-plane.ts';
import type { CommandResult } from '../toolchain/run-command.ts';
import type { EnterOptions } from './namespaces.ts';

/** Lists the components that a node has beside the control plane, in the order of their start. */
export const nodeComponentNames = [
  'containerd',
  'kubelet',
  'kube-proxy',
  'coredns',
  'metrics-server',
] as const;

/** Names a component of the node. */
export type NodeComponentName = (typeof nodeComponentNames)[number];

/** Configures a cluster with a real node. */
export interface RealNodeOptions {
  /** Name of the run, unique among the living ones: lower case letters, digits, dashes. */
  readonly name?: string;
  /** Number of nodes; only 1 so far. */
  readonly nodes?: 1;
  /** Whether CoreDNS serves the cluster's names; true by default. */
  readonly dns?: boolean;
  /** Whether kube-proxy serves all Service addresses; true by default, else only the API server's. */
  readonly kubeProxy?: boolean;
  /** Whether metrics-server serves metrics.k8s.io, a sample every 10 s; true by default. */
  readonly metricsServer?: boolean;
  /** OCI archives that are imported before the node is ready. */
  readonly images?: readonly string[];
  /** Settings of the control plane. */
  readonly controlPlane?: Pick<ControlPlaneOptions, 'extraArgs' | 'fsync' | 'kwok'>;
  readonly onProgress?: (line: string) => void;
}

/** Configures a program that is run to its end inside the node. */
export interface ExecOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** Controls a running cluster with a real node. */
export interface RealNodeCluster extends Omit<ControlPlane, 'component' | 'timings'> {
  readonly nodeName: string;
  /** Address of the node, where the API server listens too. */
  readonly nodeIp: string;
  /** This machine's address on the link to the node: pods reach a server of the test there. */
  readonly hostIp: string;
  /** Range of Service addresses. */
  readonly serviceCidr: string;
  /** Range of pod addresses. */
  readonly podCidr: string;
  /** Address of cluster DNS; undefined without DNS. */
  readonly dnsIp: string | undefined;
  /** First process of the node, as this machine numbers it: the target for nsenter. */
  readonly namespacePid: number;
  /** Network namespace of the node, as `ip netns` names it. */
  readonly netnsName: string;
  /** Time from start to readiness in milliseconds, of each component and of the whole steps. */
  readonly timings: Readonly<Record<string, number>>;
  /** Returns a component; throws when it is not part of this cluster. */
  component(name: ComponentName | NodeComponentName): Component;
  /** Imports an OCI archive into the node's runtime. Throws when it cannot be read. */
  importImage(archivePath: string): Promise<void>;
  /** Runs a program in all namespaces of the node to its end; paths must be absolute. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** Starts a program of this machine in the network namespace of the node; it ends with the node. */
  spawn(argv: readonly string[], options?: EnterOptions): ChildProcess;
  /** Resolves when metrics.k8s.io has figures of all pods that run; up to 40 s after a pod started. */
  waitForMetrics(deadlineMs?: number): Promise<void>;
  /** Ends everything, waits until all is removed, and throws when something stays. */
  stop(): Promise<void>;
}
