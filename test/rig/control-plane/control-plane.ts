// SPDX-License-Identifier: Apache-2.0
// The contract of a control plane of the rig: a real etcd, kube-apiserver, kube-controller-manager
// and kube-scheduler, and kwok for simulated nodes. It never touches a cluster that it did not
// start. Several run side by side. Worked example:
//
//   const cluster = await startControlPlane({ kwok: true });
//   await cluster.addKwokNodes(2);
//   await cluster.kubectl(['create', 'deployment', 'web', '--image=web', '--replicas=3']);
//   const reader = await cluster.kubeconfigFor({ serviceAccount: { namespace: 'a', name: 'b' } });
//   await cluster.component('kube-apiserver').restart('SIGKILL');
//   await cluster.stop();
import type { CommandResult } from '../toolchain/run-command.ts';
import type { AuditEvent } from './audit.ts';
import type { Component } from './component.ts';
import type { ApiResponse, JsonRequestOptions } from './json-client.ts';
import type { KwokNodeOptions } from './kwok.ts';
import type { Pki } from './pki.ts';
import type { Check } from './wait-for.ts';
import type { Watchdog } from './watchdog.ts';

/** Lists the components in the order in which they start. */
export const componentNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
] as const;

/** Names a component of the control plane. */
export type ComponentName = (typeof componentNames)[number];

/** Configures a control plane. */
export interface ControlPlaneOptions {
  /** Part of the folder name and name of the contexts; `test` by default. */
  readonly name?: string;
  /** Address of the API server; `127.0.0.1` by default. etcd always stays on loopback. */
  readonly bindAddress?: string;
  /** Address under which pods reach the API server, for the endpoints of its Service. */
  readonly advertiseAddress?: string;
  /** Network namespace (a name of `ip netns`, or a path) in which everything runs. */
  readonly netns?: string;
  /** All but kwok by default. */
  readonly components?: readonly ComponentName[];
  /** Whether etcd waits for the disk; false by default, true for fault tests. */
  readonly fsync?: boolean;
  /** Whether kwok simulates nodes; the same as naming it in `components`. */
  readonly kwok?: boolean;
  /** `10.96.0.0/16` by default. */
  readonly serviceClusterIpRange?: string;
  /** Further arguments; of a flag given twice the later one wins. */
  readonly extraArgs?: Partial<Record<ComponentName, readonly string[]>>;
  readonly onProgress?: (line: string) => void;
}

/** Names a client: a user with groups by certificate, or a ServiceAccount by token. */
export type Identity =
  | { readonly user: string; readonly groups?: readonly string[] }
  | { readonly serviceAccount: { readonly namespace: string; readonly name: string } };

/** Configures one raw request. */
interface RequestOptions extends JsonRequestOptions {
  /** Kubeconfig that says who asks; the administrator by default. */
  readonly kubeconfig?: string;
}

/** Controls a running control plane. */
export interface ControlPlane {
  readonly name: string;
  /** URL of the API server, reachable from this process. */
  readonly server: string;
  /** URL of the API server for programs in the same network namespace. */
  readonly serverInside: string;
  /** Kubeconfig of the administrator. */
  readonly kubeconfigPath: string;
  readonly caFile: string;
  readonly pki: Pki;
  /** Working folder, removed by `stop`. */
  readonly dir: string;
  readonly watchdog: Watchdog;
  /** Time from start to readiness of each component, in milliseconds. */
  readonly timings: Readonly<Partial<Record<ComponentName, number>>>;
  readonly audit: { readonly path: string; read(): Promise<readonly AuditEvent[]> };
  /** Returns the text of the administrator's kubeconfig. */
  adminKubeconfig(): string;
  /**
   * Writes a kubeconfig for the identity and returns its path. A ServiceAccount must exist; its
   * token is valid for a day.
   */
  kubeconfigFor(identity: Identity): Promise<string>;
  /** Returns a component; throws when it is not part of this control plane. */
  component(name: ComponentName): Component;
  /** Runs kubectl to its end; the exit code is returned, not thrown. */
  kubectl(
    args: readonly string[],
    options?: { readonly input?: string; readonly kubeconfig?: string },
  ): Promise<CommandResult>;
  /** Sends a raw request; every status is returned, not thrown. */
  request<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    options?: RequestOptions,
  ): Promise<ApiResponse<Body>>;
  /** Polls until the check holds; see `waitFor`. */
  waitFor<Value>(description: string, check: Check<Value>, deadlineMs?: number): Promise<Value>;
  /** Adds simulated nodes and resolves with their names when they are Ready. */
  addKwokNodes(count: number, options?: KwokNodeOptions): Promise<readonly string[]>;
  /** Kills everything and removes the folder. Safe to call twice. */
  stop(): Promise<void>;
}
