// SPDX-License-Identifier: Apache-2.0
// A seat for operators: a namespace to heal, a namespace with a Lease, the chart's rights, and a fault
// proxy of its own before the API server. Several seats share one control plane.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from '../../../tools/image/bundle.ts';
import { writeTree } from '../../../tools/image/tree.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { readConnection, writeKubeconfig } from '../control-plane/kubeconfig.ts';
import { type FaultProxy, startFaultProxy } from '../fault-proxy/fault-proxy.ts';
import { type OperatorProcess, startOperatorProcess } from '../operator/operator-process.ts';
import { ensureBinaries } from '../toolchain/ensure-binaries.ts';
import { runCommand } from '../toolchain/run-command.ts';

import type { Feed, Shop } from './shop.ts';

const ROOT = join(import.meta.dirname, '../../..');
const RELEASE = 'homeostat';
const GROUP = '/apis/homeostat.dev/v1alpha1';
/**
 * How far back a new process is told, counted from when it watches the cluster. The first verdict needs
 * 22 s of samples (18 buckets, and three confirmations in a row), and metrics.k8s.io must have been seen
 * over half of them: with 9 s of history that is 13 s later, and nothing is proposed, and put off, before.
 */
const HISTORY_MS = 9_000;
/** Lease of 6 s with the proportions of the defaults. */
const LEASE_FLAGS = ['--lease-duration=6s', '--renew-deadline=4s', '--retry-period=800ms'];

const TELL_DEADLINE_MS = 10 * 60_000;

/** A record, as much as the tests read. */
export interface SeenRecord {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly spec: {
    readonly incidentRef: { readonly name: string };
    readonly policyRef: { readonly name: string };
    readonly target: { readonly name: string; readonly uid: string };
    readonly fencing: { readonly epoch: number };
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly fence?: { readonly epoch: number; readonly holder: string };
  };
}

/** An incident, as much as the tests read. */
export interface SeenIncident {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly policyRef: { readonly name: string };
    readonly subject: { readonly pod: { readonly uid: string } };
  };
  readonly status?: { readonly state?: string; readonly reason?: string };
}

/** A policy, as much as the tests read. */
export interface SeenPolicy {
  readonly status?: { readonly lastAction?: { readonly phase: string } };
}

/** What the cluster says about one policy. */
export interface Outcome {
  readonly records: readonly SeenRecord[];
  readonly incidents: readonly SeenIncident[];
  readonly policy: SeenPolicy;
}

/** Phases that never change again. */
export const TERMINAL: ReadonlySet<string> = new Set([
  'Succeeded',
  'Failed',
  'Inconclusive',
  'Blocked',
]);

/** The Lease, as much as the tests read. */
export interface SeenLease {
  readonly holder: string;
  readonly epoch: number;
}

/**
 * From when an operator gets telemetry: as soon as it knows the pods, or once it leads, as behind the
 * Service of the chart, which selects the leader.
 */
export type ToldFrom = 'watching' | 'leading';

const TOLD_FROM_LINE: Readonly<Record<ToldFrom, string>> = {
  watching: 'every collection is watched',
  leading: 'leading',
};

/** One operator at a seat. */
export interface Replica {
  readonly operator: OperatorProcess;
  /** Its name in the Lease and in the User-Agent. */
  readonly identity: string;
}

/** One seat. */
export interface Seat {
  readonly namespace: string;
  readonly operatorNamespace: string;
  readonly proxy: FaultProxy;
  readonly feed: Feed;
  /** Starts an operator beside those that run; it is told the recent history from a moment on. */
  start(toldFrom?: ToldFrom): Promise<Replica>;
  /** Applies an object to the seat's namespace. */
  create(plural: string, object: unknown): Promise<void>;
  remove(path: string): Promise<void>;
  outcome(policy: string): Promise<Outcome>;
  lease(): Promise<SeenLease>;
  stop(): Promise<void>;
}

/**
 * Bundles the operator as its image has it, and returns the main file: every process of a test is the
 * same program, and starts sooner than from source.
 */
export const bundleOperator = async (cluster: ControlPlane): Promise<string> => {
  const folder = join(cluster.dir, 'operator');
  await writeTree(folder, await bundle('app'));
  return join(folder, 'app/main.mjs');
};

const installChart = async (
  cluster: ControlPlane,
  seat: {
    readonly namespace: string;
    readonly operatorNamespace: string;
    readonly isFirst: boolean;
  },
): Promise<void> => {
  for (const name of [seat.namespace, seat.operatorNamespace]) {
    const { code, stderr } = await cluster.kubectl(['create', 'namespace', name]);
    if (code !== 0) throw new Error(stderr);
  }
  const { helm } = await ensureBinaries(['helm']);
  const values = [
    'replicas=0',
    `watchNamespaces={${seat.namespace}}`,
    `crds.enabled=${seat.isFirst}`,
    `rbac.aggregate=${seat.isFirst}`,
  ];
  const { code, stderr } = await runCommand(
    helm,
    [
      ...['install', RELEASE, join(ROOT, 'charts/homeostat'), '-n', seat.operatorNamespace],
      ...['--wait', '--timeout', '180s'],
      ...values.flatMap((value) => ['--set', value]),
    ],
    { env: { ...process.env, KUBECONFIG: cluster.kubeconfigPath } },
  );
  if (code !== 0) throw new Error(`helm install failed:\n${stderr}`);
};

/** Starts a proxy that speaks TLS like the API server, and writes the kubeconfig that leads to it. */
const proxied = async (
  cluster: ControlPlane,
  { operatorNamespace, number }: { operatorNamespace: string; number: number },
): Promise<{ proxy: FaultProxy; kubeconfig: string }> => {
  const direct = await cluster.kubeconfigFor({
    serviceAccount: { namespace: operatorNamespace, name: RELEASE },
  });
  const { token = '', ca, server } = await readConnection(direct);
  const files = await cluster.pki.issue({
    name: `proxy-${number}`,
    commonName: 'proxy',
    addresses: ['127.0.0.1', 'localhost'],
  });
  const [cert, key] = await Promise.all(
    [files.certFile, files.keyFile].map((file) => readFile(file, 'utf8')),
  );
  const proxy = await startFaultProxy({
    upstream: {
      server,
      namespace: operatorNamespace,
      loadCredentials: () => Promise.resolve({ tls: { ca }, headers: {} }),
    },
    seed: number,
    tls: { cert: cert ?? '', key: key ?? '', ca },
  });
  const kubeconfig = await writeKubeconfig(join(cluster.dir, `proxied-${number}.kubeconfig`), {
    server: proxy.url,
    caFile: cluster.caFile,
    credentials: { token },
    namespace: operatorNamespace,
  });
  return { proxy, kubeconfig };
};

class TakenSeat implements Seat {
  readonly namespace: string;
  readonly operatorNamespace: string;
  readonly proxy: FaultProxy;
  readonly feed: Feed;
  readonly #cluster: ControlPlane;
  readonly #kubeconfig: string;
  readonly #main: string;
  readonly #running = new Set<OperatorProcess>();
  #starts = 0;

  constructor(
    cluster: ControlPlane,
    shop: Shop,
    parts: {
      namespace: string;
      operatorNamespace: string;
      proxy: FaultProxy;
      kubeconfig: string;
      main: string;
    },
  ) {
    this.#cluster = cluster;
    this.namespace = parts.namespace;
    this.operatorNamespace = parts.operatorNamespace;
    this.proxy = parts.proxy;
    this.#kubeconfig = parts.kubeconfig;
    this.#main = parts.main;
    this.feed = shop.feed(parts.namespace);
  }

  async start(toldFrom: ToldFrom = 'watching'): Promise<Replica> {
    this.#starts += 1;
    const identity = `${this.namespace}_${this.#starts}`;
    const operator = await startOperatorProcess({
      main: this.#main,
      kubeconfig: this.#kubeconfig,
      namespace: this.operatorNamespace,
      leaseName: RELEASE,
      logFile: join(this.#cluster.dir, `${this.namespace}-${this.#starts}.log`),
      watchdog: this.#cluster.watchdog,
      args: [
        ...LEASE_FLAGS,
        `--watch-namespaces=${this.namespace}`,
        `--identity=${identity}`,
        '--resource-metrics-interval=500ms',
      ],
    });
    this.#running.add(operator);
    void operator.exited.then(() => this.#running.delete(operator));
    this.#tellHistory(operator, TOLD_FROM_LINE[toldFrom]);
    return { operator, identity };
  }

  /** Sends to the process from a line of its log on until it ends. */
  #tellHistory(operator: OperatorProcess, line: string): void {
    const tell = async (): Promise<void> => {
      await this.#cluster.waitFor(
        `the operator says: ${line}`,
        () => !operator.isRunning || operator.log().some(({ message }) => message === line),
        TELL_DEADLINE_MS,
      );
      const listener = { port: operator.ports.http, sinceMs: Date.now() - HISTORY_MS };
      const stop = this.feed.tell(listener);
      await operator.exited;
      stop();
    };
    // A process that never says it is found by the test that waits for what it does.
    tell().catch(() => undefined);
  }

  async create(plural: string, object: unknown): Promise<void> {
    const path = `${GROUP}/namespaces/${this.namespace}/${plural}`;
    const { status, body } = await this.#cluster.request('POST', path, object);
    if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
  }

  async remove(path: string): Promise<void> {
    await this.#cluster.request('DELETE', path);
  }

  async outcome(policy: string): Promise<Outcome> {
    const base = `${GROUP}/namespaces/${this.namespace}`;
    const get = async <T>(path: string): Promise<T> => {
      const { status, body } = await this.#cluster.request<T>('GET', `${base}/${path}`);
      if (status !== 200) throw new Error(`${path}: ${status}`);
      return body;
    };
    const [records, incidents, found] = await Promise.all([
      get<{ items: readonly SeenRecord[] }>('healingactions'),
      get<{ items: readonly SeenIncident[] }>('incidents'),
      get<SeenPolicy>(`healingpolicies/${policy}`),
    ]);
    const isIts = ({ spec }: SeenRecord | SeenIncident): boolean => spec.policyRef.name === policy;
    return {
      records: records.items.filter(isIts),
      incidents: incidents.items.filter(isIts),
      policy: found,
    };
  }

  async lease(): Promise<SeenLease> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${this.operatorNamespace}/leases/${RELEASE}`;
    const { body } = await this.#cluster.request<{
      metadata: { annotations?: Readonly<Record<string, string>> };
      spec?: { holderIdentity?: string };
    }>('GET', path);
    return {
      holder: body.spec?.holderIdentity ?? '',
      epoch: Number(body.metadata.annotations?.['homeostat.dev/epoch'] ?? 0),
    };
  }

  async stop(): Promise<void> {
    const running = [...this.#running];
    for (const operator of running) operator.signal('SIGKILL');
    await Promise.all(running.map(({ exited }) => exited));
    await this.proxy.stop();
  }
}

/**
 * Takes a number of seats; the first also installs the kinds.
 * @param main the main file of the operator, see {@link bundleOperator}
 */
export const takeSeats = async (
  cluster: ControlPlane,
  shop: Shop,
  { count, main }: { readonly count: number; readonly main: string },
): Promise<readonly Seat[]> => {
  const seats: Seat[] = [];
  for (let number = 0; number < count; number += 1) {
    const namespace = `shop-${number}`;
    const operatorNamespace = `operator-${number}`;
    await installChart(cluster, { namespace, operatorNamespace, isFirst: number === 0 });
    const { proxy, kubeconfig } = await proxied(cluster, { operatorNamespace, number });
    const parts = { namespace, operatorNamespace, proxy, kubeconfig, main };
    seats.push(new TakenSeat(cluster, shop, parts));
  }
  return seats;
};
