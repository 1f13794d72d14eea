// SPDX-License-Identifier: Apache-2.0
// How each program of the node is started and when it counts as ready.
import { once } from 'node:events';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type Component, createComponent } from '../control-plane/component.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { requestJson } from '../control-plane/json-client.ts';
import { readConnection, writeKubeconfig } from '../control-plane/kubeconfig.ts';
import type { Watchdog } from '../control-plane/watchdog.ts';
import { PAUSE_IMAGE } from '../images/pause-image.ts';
import type { BinaryPaths } from '../toolchain/ensure-binaries.ts';
import type { CommandResult } from '../toolchain/run-command.ts';
import type { AddressPlan } from './address-plan.ts';
import {
  corefile,
  DNS_READY_PORT,
  DNS_USER,
  METRICS_HOST,
  METRICS_PORT,
  METRICS_USER,
  metricsServerArguments,
} from './cluster-services.ts';
import { CONTAINERD_SOCKET, containerdConfig, podNetwork } from './containerd.ts';
import {
  KUBE_PROXY_HEALTH_PORT,
  KUBELET_HEALTH_PORT,
  type KubeletInput,
  kubeletArguments,
  kubeletConfig,
  kubeProxyArguments,
} from './kubelet.ts';
import { type NodeNamespaces, nodeEnvironment } from './namespaces.ts';
import type { ExecOptions, NodeComponentName } from './real-node-cluster.ts';

/** Lists the binaries of a node. */
export const nodeBinaries = [
  'containerd',
  'containerd-shim-runc-v2',
  'ctr',
  'runc',
  'bridge',
  'host-local',
  'kubelet',
  'kube-proxy',
  'coredns',
  'metrics-server',
] as const;

/** Holds what all programs of a node share. */
export interface NodeSite {
  readonly name: string;
  readonly nodeName: string;
  readonly plan: AddressPlan;
  readonly scratch: string;
  readonly namespaces: NodeNamespaces;
  readonly binaries: BinaryPaths<(typeof nodeBinaries)[number]>;
  /** Address of cluster DNS; undefined without DNS. */
  readonly dnsIp: string | undefined;
  /** Runs a program inside the node to its end. */
  readonly run: (argv: readonly string[], options?: ExecOptions) => Promise<CommandResult>;
}

/** Is a site whose control plane runs. */
export interface JoinedSite extends NodeSite {
  readonly controlPlane: ControlPlane;
}

const statusOf = (host: string, port: number, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const outgoing = requestHttp({ host, port, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });

const isHealthy = (site: NodeSite, port: number, path: string) => async () =>
  (await statusOf(site.plan.nodeIp, port, path)) === 200;

/** Programs see nothing of this process's environment: no proxy, no kubeconfig, no home of a user. */
const cleanEnvironment = (folders: readonly string[]): readonly string[] => [
  '/usr/bin/env',
  '-i',
  ...Object.entries(nodeEnvironment(folders)).map(([key, value]) => `${key}=${value}`),
];

/** What a control plane's watchdog does, the namespaces of a node do: nothing survives them. */
const nodeKeeper = (folder: string): Watchdog => ({
  folder,
  environment: {},
  add: () => undefined,
  remove: () => undefined,
  setCleanUp: () => Promise.resolve(),
  finish: () => Promise.resolve(),
});

interface Launch {
  readonly name: NodeComponentName;
  readonly argv: readonly string[];
  readonly isReady: () => Promise<boolean>;
  /** Folders that come first in PATH. */
  readonly path?: readonly string[];
}

const launch = async (site: NodeSite, input: Launch): Promise<Component> => {
  const { name, argv, isReady, path = [] } = input;
  const component = createComponent({
    name,
    command: () => site.namespaces.command([...cleanEnvironment(path), ...argv]),
    logFile: join(site.scratch, `${name}.log`),
    watchdog: nodeKeeper(site.scratch),
    isReady,
  });
  await component.start();
  return component;
};

const accepts = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.on('error', () => resolve(false));
    connection.on('connect', () => {
      connection.destroy();
      resolve(true);
    });
  });

const folderOf = (file: string): string => file.slice(0, file.lastIndexOf('/'));

/** Starts the container runtime; it needs no control plane. */
export const startContainerd = async (site: NodeSite): Promise<Component> => {
  const { scratch, binaries, plan, namespaces } = site;
  const networkFolder = join(scratch, 'cni');
  await mkdir(networkFolder, { recursive: true });
  await writeFile(join(networkFolder, '10-pods.conflist'), podNetwork(plan.podCidr));
  const configFile = join(scratch, 'containerd.toml');
  await writeFile(
    configFile,
    containerdConfig({
      root: join(scratch, 'containerd'),
      runc: binaries.runc,
      networkPlugins: [binaries.bridge, binaries['host-local']],
      networkFolder,
      sandboxImage: PAUSE_IMAGE,
    }),
  );
  return launch(site, {
    name: 'containerd',
    argv: [binaries.containerd, '--config', configFile],
    // The shim is looked up in PATH.
    path: [folderOf(binaries['containerd-shim-runc-v2']), folderOf(binaries.runc)],
    isReady: () => accepts(`/proc/${namespaces.pid}/root${CONTAINERD_SOCKET}`),
  });
};

/**
 * Writes a kubeconfig for a program on the node: a user with groups, by certificate. Files of the
 * node are called `node-...`, since the control plane keeps its own in the same folder.
 */
const kubeconfigInside = async (
  site: JoinedSite,
  name: string,
  commonName: string,
  organizations: readonly string[] = [],
): Promise<string> => {
  const { pki, dir, caFile, serverInside } = site.controlPlane;
  const credentials = await pki.issue({ name: `node-${name}`, commonName, organizations });
  const path = join(dir, `node-${name}.kubeconfig`);
  return writeKubeconfig(path, { server: serverInside, caFile, credentials });
};

/** Starts the kubelet; it is ready when it is healthy itself, the node becomes Ready after that. */
export const startKubelet = async (site: JoinedSite): Promise<Component> => {
  const { controlPlane, nodeName, plan, scratch, binaries } = site;
  const { pki, caFile } = controlPlane;
  const resolvConfFile = join(scratch, 'resolv.conf');
  await writeFile(resolvConfFile, site.dnsIp === undefined ? '' : `nameserver ${site.dnsIp}\n`);
  const input: KubeletInput = {
    nodeName,
    nodeIp: plan.nodeIp,
    kubeconfig: await kubeconfigInside(site, 'kubelet', `system:node:${nodeName}`, [
      'system:nodes',
    ]),
    configFile: join(scratch, 'kubelet.json'),
    serving: await pki.issue({
      name: 'node-kubelet-serving',
      commonName: `system:node:${nodeName}`,
      addresses: [nodeName, plan.nodeIp],
    }),
    clientCaFile: caFile,
    rootFolder: join(scratch, 'kubelet'),
    dnsAddress: site.dnsIp,
    resolvConfFile,
  };
  await mkdir(input.rootFolder, { recursive: true });
  await writeFile(input.configFile, kubeletConfig(input));
  return launch(site, {
    name: 'kubelet',
    argv: [binaries.kubelet, ...kubeletArguments(input)],
    isReady: isHealthy(site, KUBELET_HEALTH_PORT, '/healthz'),
  });
};

/** Starts kube-proxy. */
export const startKubeProxy = async (site: JoinedSite): Promise<Component> => {
  const { nodeName, plan, binaries } = site;
  const kubeconfig = await kubeconfigInside(site, 'kube-proxy', 'system:kube-proxy');
  const input = { nodeName, kubeconfig, clusterCidr: plan.clusterCidr, nodeIp: plan.nodeIp };
  return launch(site, {
    name: 'kube-proxy',
    argv: [binaries['kube-proxy'], ...kubeProxyArguments(input)],
    isReady: isHealthy(site, KUBE_PROXY_HEALTH_PORT, '/healthz'),
  });
};

/** Starts CoreDNS, whose objects must exist; it is ready when it has seen all Services. */
export const startCoreDns = async (site: JoinedSite): Promise<Component> => {
  const { plan, binaries, scratch } = site;
  const kubeconfig = await kubeconfigInside(site, 'coredns', DNS_USER);
  const file = join(scratch, 'Corefile');
  await writeFile(file, corefile(plan.nodeIp, kubeconfig, 'homeostat-test'));
  return launch(site, {
    name: 'coredns',
    argv: [binaries.coredns, '-conf', file],
    isReady: isHealthy(site, DNS_READY_PORT, '/ready'),
  });
};

/** Starts metrics-server, whose objects must exist; its first figures come some 20 s later. */
export const startMetricsServer = async (site: JoinedSite): Promise<Component> => {
  const { plan, binaries, controlPlane } = site;
  const { pki, caFile, kubeconfigPath } = controlPlane;
  const serving = await pki.issue({
    name: 'node-metrics-server-serving',
    commonName: METRICS_HOST,
    addresses: [METRICS_HOST, plan.nodeIp],
  });
  const kubeconfig = await kubeconfigInside(site, 'metrics-server', METRICS_USER);
  const server = `https://${plan.nodeIp}:${METRICS_PORT}`;
  const connection = { ...(await readConnection(kubeconfigPath)), server };
  const input = { kubeconfig, serving, kubeletCaFile: caFile, nodeIp: plan.nodeIp };
  return launch(site, {
    name: 'metrics-server',
    argv: [binaries['metrics-server'], ...metricsServerArguments(input)],
    isReady: async () => (await requestJson(connection, 'GET', '/livez')).status === 200,
  });
};

/** Imports an OCI archive into the runtime. Throws with its words when it cannot. */
export const importArchive = async (site: NodeSite, archive: string): Promise<void> => {
  // The archive may lie where the node's own mounts hide it, so it goes in by standard input.
  const file = await open(archive, 'r');
  try {
    const { ctr } = site.binaries;
    const importer = site.namespaces.spawn(
      [ctr, '--address', CONTAINERD_SOCKET, '--namespace', 'k8s.io', 'images', 'import', '-'],
      { stdio: [file.fd, 'ignore', 'pipe'] },
    );
    let errors = '';
    importer.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const [code] = await once(importer, 'close');
    if (code !== 0) throw new Error(`${archive} was not imported: ${errors.trim()}`);
  } finally {
    await file.close();
  }
};
