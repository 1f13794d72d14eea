// SPDX-License-Identifier: Apache-2.0
import { access, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Component } from '../control-plane/component.ts';
import type { ComponentName, ControlPlane } from '../control-plane/control-plane.ts';
import { readConnection } from '../control-plane/kubeconfig.ts';
import { startControlPlane } from '../control-plane/start-control-plane.ts';
import { waitFor } from '../control-plane/wait-for.ts';
import { pauseImage } from '../images/pause-image.ts';
import { ensureDebianPackages, nodePackages } from '../toolchain/debian.ts';
import { ensureBinaries } from '../toolchain/ensure-binaries.ts';
import { printProgress } from '../toolchain/progress.ts';
import { type CommandResult, runCommand } from '../toolchain/run-command.ts';
import { ToolchainError } from '../toolchain/toolchain-error.ts';
import type { AddressPlan } from './address-plan.ts';
import { apiServiceRule } from './api-service-rule.ts';
import { nodeGroup, thisCgroupLayout } from './cgroups.ts';
import { type ClusterObject, dnsObjects, metricsObjects } from './cluster-services.ts';
import { directControlPlane } from './direct-control-plane.ts';
import { NodeNamespaces, nodeEnvironment } from './namespaces.ts';
import {
  importArchive,
  type JoinedSite,
  type NodeSite,
  nodeBinaries,
  startContainerd,
  startCoreDns,
  startKubelet,
  startKubeProxy,
  startMetricsServer,
} from './node-components.ts';
import type { ExecOptions, RealNodeCluster, RealNodeOptions } from './real-node-cluster.ts';
import { canRunRealNode } from './requirements.ts';
import { claimRun, removeDeadRuns } from './run-register.ts';

type Progress = (line: string) => void;

/** Compilers of runc and of the sandbox program, needed only before both are in the cache. */
const compilerPackages = ['gcc', 'libc6-dev'] as const;

const ensureMachine = async (onProgress: Progress): Promise<void> => {
  const can = await canRunRealNode();
  if (!can.ok) throw new ToolchainError(`a real node cannot run here: ${can.reason}`);
  const isDebian = await access('/usr/bin/apt-get').then(
    () => true,
    () => false,
  );
  if (isDebian) await ensureDebianPackages([...nodePackages, ...compilerPackages], { onProgress });
};

let runs = 0;

const newName = (): string => {
  runs += 1;
  return `${process.pid}-${runs}`;
};

const prepareNamespaces = async (name: string, nodeName: string, onProgress: Progress) => {
  for (const dead of await removeDeadRuns()) onProgress(`removed what node ${dead} left behind`);
  const layout = await thisCgroupLayout();
  if (layout === undefined) throw new ToolchainError('no control groups are mounted');
  // The network namespace and the control group bear the same name.
  const netns = `homeostat-${name}`;
  const run = await claimRun({
    name,
    netns,
    group: nodeGroup(layout, netns),
    scratch: join(tmpdir(), 'homeostat-real-node', name),
  });
  return { run, namespaces: await NodeNamespaces.create({ run, layout, nodeName }) };
};

/** Measures steps and tells about each when it is done. */
class StepTimes {
  readonly onProgress: Progress;
  readonly all: Record<string, number> = {};

  constructor(onProgress: Progress) {
    this.onProgress = onProgress;
  }

  async measure<Value>(name: string, step: () => Promise<Value>): Promise<Value> {
    const started = performance.now();
    const value = await step();
    this.all[name] = Math.round(performance.now() - started);
    this.onProgress(`${name.padEnd(24)} ready after ${this.all[name]} ms`);
    return value;
  }
}

const createObjects = async (
  controlPlane: ControlPlane,
  objects: readonly ClusterObject[],
): Promise<void> => {
  for (const { path, object } of objects) {
    const { status, body } = await controlPlane.request('POST', path, object);
    if (status !== 201) {
      const text = JSON.stringify(body);
      throw new Error(`${object.metadata.name} was not created at ${path}: ${status} ${text}`);
    }
  }
};

interface NodeCondition {
  readonly type: string;
  readonly status: string;
  readonly message: string;
}

/** Throws with the node's own reason and the end of the kubelet's log, which is gone after that. */
const waitUntilReady = async (
  controlPlane: ControlPlane,
  nodeName: string,
  kubelet: Component,
): Promise<void> => {
  let reason = 'it did not register';
  const check = async (): Promise<boolean> => {
    const { body } = await controlPlane.request<{
      status?: { conditions?: readonly NodeCondition[] };
    }>('GET', `/api/v1/nodes/${nodeName}`);
    const ready = body.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready !== undefined) reason = ready.message;
    return ready?.status === 'True';
  };
  try {
    await waitFor(`node ${nodeName} is Ready`, check);
  } catch (cause) {
    const log = (await readFile(kubelet.logFile, 'utf8')).trim().split('\n').slice(-15);
    throw new Error(`node ${nodeName} is not Ready: ${reason}\n${log.join('\n')}`, { cause });
  }
};

const startNodePrograms = async (
  site: JoinedSite,
  options: RealNodeOptions,
  times: StepTimes,
): Promise<readonly Component[]> => {
  const { controlPlane, plan, nodeName } = site;
  const { nodeIp, dnsServiceIp } = plan;
  const { dns = true, kubeProxy = true, metricsServer = true } = options;
  const started = async (name: string, start: () => Promise<Component>) => [
    await times.measure(name, start),
  ];
  const components = await Promise.all([
    started('kubelet', async () => {
      const kubelet = await startKubelet(site);
      await waitUntilReady(controlPlane, nodeName, kubelet);
      return kubelet;
    }),
    kubeProxy ? started('kube-proxy', () => startKubeProxy(site)) : [],
    dns
      ? started('coredns', async () => {
          await createObjects(
            controlPlane,
            dnsObjects({ clusterIp: dnsServiceIp, nodeIp, nodeName }),
          );
          return startCoreDns(site);
        })
      : [],
    metricsServer
      ? started('metrics-server', async () => {
          const { ca } = await readConnection(controlPlane.kubeconfigPath);
          await createObjects(controlPlane, metricsObjects({ nodeIp, nodeName, ca }));
          return startMetricsServer(site);
        })
      : [],
  ]);
  return components.flat();
};

const startRuntime = async (
  site: NodeSite,
  images: readonly string[],
  times: StepTimes,
): Promise<Component> => {
  const containerd = await times.measure('containerd', () => startContainerd(site));
  await times.measure('images', async () => {
    // The sandbox image first: no pod starts without it.
    for (const archive of [await pauseImage(), ...images]) await importArchive(site, archive);
  });
  return containerd;
};

const startCluster = async (site: NodeSite, options: RealNodeOptions, times: StepTimes) => {
  const { plan, namespaces } = site;
  const { kubeProxy = true, images = [], controlPlane: settings = {} } = options;
  const controlPlane = startControlPlane({
    name: site.name,
    netns: namespaces.netns,
    bindAddress: '0.0.0.0',
    advertiseAddress: plan.nodeIp,
    serviceClusterIpRange: plan.serviceCidr,
    ...settings,
    extraArgs: {
      ...settings.extraArgs,
      'kube-apiserver': [
        // It connects to endpoints itself, so aggregated APIs and webhooks need no kube-proxy.
        '--enable-aggregator-routing=true',
        ...(settings.extraArgs?.['kube-apiserver'] ?? []),
      ],
    },
    onProgress: times.onProgress,
  });
  const [control, runtime] = await Promise.allSettled([
    controlPlane,
    startRuntime(site, images, times),
  ]);
  try {
    if (control.status === 'rejected') throw control.reason;
    if (runtime.status === 'rejected') throw runtime.reason;
    const direct = await directControlPlane(control.value, plan.nodeIp);
    if (!kubeProxy) {
      const rule = apiServiceRule(plan, Number(new URL(direct.server).port));
      const { code, stderr } = await site.run(['nft', '-f', '-'], { input: rule });
      if (code !== 0) throw new Error(`the rule for the API server's Service failed: ${stderr}`);
    }
    const joined: JoinedSite = { ...site, controlPlane: direct };
    const programs = await startNodePrograms(joined, options, times);
    return { controlPlane: direct, components: [runtime.value, ...programs] };
  } catch (error) {
    if (control.status === 'fulfilled') await control.value.stop();
    throw error;
  }
};

const METRICS_DEADLINE_MS = 120_000;

interface PodMetricsList {
  readonly items?: readonly {
    readonly metadata: { readonly name: string; readonly namespace: string };
  }[];
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly namespace: string };
    readonly status: { readonly phase: string };
  }[];
}

/** Tells whether every running pod has figures; errors of the aggregated API mean "not yet". */
const hasAllMetrics = async ({ request }: ControlPlane): Promise<boolean> => {
  const metrics = await request<PodMetricsList>('GET', '/apis/metrics.k8s.io/v1beta1/pods');
  const nodes = await request<PodMetricsList>('GET', '/apis/metrics.k8s.io/v1beta1/nodes');
  if (metrics.status !== 200 || (nodes.body.items ?? []).length === 0) return false;
  const known = new Set(
    (metrics.body.items ?? []).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  );
  const { body } = await request<PodList>('GET', '/api/v1/pods');
  return body.items
    .filter(({ status }) => status.phase === 'Running')
    .every(({ metadata }) => known.has(`${metadata.namespace}/${metadata.name}`));
};

/**
 * Starts a cluster with a real node and resolves when the node is Ready and its programs are. With
 * built binaries that takes some ten seconds, on a fresh machine about a quarter of an hour. All of
 * it ends and is removed by `stop`, and also when this process ends in any way. Throws a
 * ToolchainError when the machine lacks something; ask `canRunRealNode` before.
 */
export const startRealNode = async (options: RealNodeOptions = {}): Promise<RealNodeCluster> => {
  const onProgress = options.onProgress ?? (() => undefined);
  const times = new StepTimes(onProgress);
  const started = performance.now();
  const name = options.name ?? newName();
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new RangeError(
      `\`name\` must be at most 32 lower case letters, digits and inner dashes, not "${name}"`,
    );
  }
  for (const archive of options.images ?? []) await access(archive);
  await ensureMachine(onProgress);
  const binaries = await ensureBinaries(nodeBinaries, {
    onProgress: printProgress({ write: (text) => onProgress(text.trimEnd()) }),
  });
  const nodeName = `node-${name}`;
  const { run, namespaces } = await times.measure('namespaces', () =>
    prepareNamespaces(name, nodeName, onProgress),
  );
  const { plan, scratch } = run;
  const site: NodeSite = {
    ...{ name, nodeName, plan, scratch, namespaces, binaries },
    dnsIp: dnsAddress(plan, options),
    run: (argv, execOptions = {}) => runInside(namespaces, argv, execOptions),
  };
  try {
    const { controlPlane, components } = await startCluster(site, options, times);
    times.all['cluster'] = Math.round(performance.now() - started);
    onProgress(`node ${nodeName} Ready at ${plan.nodeIp} after ${times.all['cluster']} ms`);
    return clusterOf(site, { controlPlane, components, times: times.all });
  } catch (error) {
    await namespaces.remove();
    throw error;
  }
};

const dnsAddress = (
  plan: AddressPlan,
  { dns = true, kubeProxy = true }: RealNodeOptions,
): string | undefined => {
  if (!dns) return undefined;
  return kubeProxy ? plan.dnsServiceIp : plan.nodeIp;
};

const runInside = (
  namespaces: NodeNamespaces,
  argv: readonly string[],
  options: ExecOptions,
): Promise<CommandResult> => {
  const [file = '', ...args] = namespaces.command(argv);
  return runCommand(file, args, { ...options, env: options.env ?? nodeEnvironment() });
};

interface Started {
  readonly controlPlane: ControlPlane;
  readonly components: readonly Component[];
  readonly times: Readonly<Record<string, number>>;
}

const clusterOf = (
  site: NodeSite,
  { controlPlane, components, times }: Started,
): RealNodeCluster => {
  const { plan, namespaces, nodeName } = site;
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await controlPlane.stop();
    await namespaces.remove();
  };
  return {
    ...controlPlane,
    ...{ nodeName, nodeIp: plan.nodeIp, hostIp: plan.hostIp, dnsIp: site.dnsIp },
    ...{ serviceCidr: plan.serviceCidr, podCidr: plan.podCidr },
    ...{ namespacePid: namespaces.pid, netnsName: namespaces.netns },
    timings: { ...controlPlane.timings, ...times },
    component: (name) =>
      components.find((component) => component.name === name) ??
      controlPlane.component(name as ComponentName),
    importImage: (archive) => importArchive(site, archive),
    exec: site.run,
    spawn: (argv, options) => namespaces.spawnInNetwork(argv, options),
    waitForMetrics: async (deadlineMs = METRICS_DEADLINE_MS) => {
      const check = () => hasAllMetrics(controlPlane);
      await waitFor('metrics.k8s.io has figures of all pods that run', check, deadlineMs);
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
};
