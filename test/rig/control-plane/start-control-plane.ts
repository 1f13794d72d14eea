// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BinaryPaths, ensureBinaries } from '../toolchain/ensure-binaries.ts';
import { ensureKwokStages } from '../toolchain/kwok-stages.ts';
import { printProgress } from '../toolchain/progress.ts';
import { runCommand } from '../toolchain/run-command.ts';
import { connectAddress } from './arguments.ts';
import { auditPolicy, readAudit } from './audit.ts';
import { type Component, directEnvironment } from './component.ts';
import {
  type ComponentName,
  type ControlPlane,
  type ControlPlaneOptions,
  componentNames,
} from './control-plane.ts';
import { issueKubeconfig } from './identity.ts';
import { requestJson } from './json-client.ts';
import { type Connection, readConnection } from './kubeconfig.ts';
import { addKwokNodes } from './kwok.ts';
import { startNamespaceForward } from './namespace-forward.ts';
import { createPki, issueControlPlaneCertificates, servingAddresses } from './pki.ts';
import {
  type Site,
  startApiServer,
  startControllerManager,
  startEtcd,
  startKwok,
  startScheduler,
} from './start-components.ts';
import { waitFor } from './wait-for.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

/**
 * Starts a control plane of its own and resolves when it is ready; with built binaries that takes
 * seconds. Everything ends and is removed by `stop`, and also when this process ends in any way.
 * Throws a ToolchainError when a binary or a program of the machine is missing.
 */
export const startControlPlane = async (
  options: ControlPlaneOptions = {},
): Promise<ControlPlane> => {
  const wanted = componentsOf(options);
  const onProgress = options.onProgress ?? (() => undefined);
  const binaries = (await ensureBinaries([...wanted, 'kubectl'] as const, {
    onProgress: printProgress({ write: (text) => onProgress(text.trimEnd()) }),
  })) as BinaryPaths;
  const stagesFile = wanted.includes('kwok') ? await ensureKwokStages() : '';
  const dir = mkdtempSync(join(tmpdir(), `homeostat-${options.name ?? 'test'}-`));
  const watchdog = startWatchdog(dir);
  try {
    const site = await prepareSite(options, binaries, watchdog);
    return await startAll(site, { wanted, stagesFile, onProgress });
  } catch (error) {
    await watchdog.finish();
    throw error;
  }
};

const componentsOf = (options: ControlPlaneOptions): readonly ComponentName[] => {
  const named = new Set(options.components ?? componentNames.filter((name) => name !== 'kwok'));
  if (options.kwok === true) named.add('kwok');
  for (const name of ['etcd', 'kube-apiserver'] as const) {
    if (!named.has(name)) throw new Error(`\`components\` must include ${name}`);
  }
  return componentNames.filter((name) => named.has(name));
};

const firstServiceAddress = (range: string): string => {
  const [address = ''] = range.split('/');
  return address.replace(/\d+$/, (last) => String(Number(last) + 1));
};

const prepareSite = async (
  options: ControlPlaneOptions,
  binaries: BinaryPaths,
  watchdog: Watchdog,
): Promise<Site> => {
  const { name = 'test', bindAddress = '127.0.0.1', advertiseAddress, netns } = options;
  const serviceClusterIpRange = options.serviceClusterIpRange ?? '10.96.0.0/16';
  const dir = watchdog.folder;
  const pki = await createPki(join(dir, 'pki'));
  const more = advertiseAddress === undefined ? [bindAddress] : [bindAddress, advertiseAddress];
  const addresses = servingAddresses(firstServiceAddress(serviceClusterIpRange), ...more);
  const certificates = await issueControlPlaneCertificates(pki, addresses);
  const place = netns?.includes('/') === true ? netns : `/run/netns/${netns}`;
  const enter = netns === undefined ? [] : ['nsenter', `--net=${place}`, '--'];
  const forward = netns === undefined ? undefined : startNamespaceForward(enter, watchdog);
  return {
    ...{ name, dir, watchdog, binaries, pki, certificates, enter, serviceClusterIpRange },
    ...{ bindAddress, advertiseAddress, fsync: options.fsync ?? false },
    extraArgs: options.extraArgs ?? {},
    reach: (port, host) => forward?.reach(port, host) ?? Promise.resolve(port),
  };
};

interface StartInput {
  readonly wanted: readonly ComponentName[];
  readonly stagesFile: string;
  readonly onProgress: (line: string) => void;
}

const startAll = async (site: Site, input: StartInput): Promise<ControlPlane> => {
  const { wanted, stagesFile, onProgress } = input;
  const started = performance.now();
  const components = new Map<ComponentName, Component>();
  const note = (name: ComponentName, component: Component) => {
    components.set(name, component);
    onProgress(`${name.padEnd(24)} ready after ${component.readyMs} ms`);
  };
  const auditPolicyFile = join(site.dir, 'audit-policy.json');
  const auditLogFile = join(site.dir, 'audit.log');
  await writeFile(auditPolicyFile, auditPolicy);
  const etcd = await startEtcd(site);
  note('etcd', etcd.component);
  const files = { auditPolicyFile, auditLogFile };
  const api = await startApiServer(site, etcd.clientPort, files);
  note('kube-apiserver', api.component);
  const serverInside = `https://${connectAddress(site.bindAddress)}:${api.port}`;
  const launchers: Partial<Record<ComponentName, () => Promise<Component>>> = {
    'kube-controller-manager': () => startControllerManager(site, serverInside),
    'kube-scheduler': () => startScheduler(site, serverInside),
    kwok: () => startKwok(site, serverInside, stagesFile),
  };
  await Promise.all(
    wanted.map(async (name) => {
      const component = await launchers[name]?.();
      if (component !== undefined) note(name, component);
    }),
  );
  onProgress(`control plane ready after ${Math.round(performance.now() - started)} ms`);
  return controlPlane(site, { ...api, serverInside, auditLogFile, components });
};

interface Running {
  readonly server: string;
  readonly serverInside: string;
  readonly kubeconfig: string;
  readonly auditLogFile: string;
  readonly components: ReadonlyMap<ComponentName, Component>;
}

const controlPlane = async (site: Site, running: Running): Promise<ControlPlane> => {
  const { server, kubeconfig, auditLogFile, components } = running;
  const adminText = await readFile(kubeconfig, 'utf8');
  const connections = new Map<string, Promise<Connection>>();
  const connectionOf = (path: string): Promise<Connection> => {
    const known = connections.get(path) ?? readConnection(path);
    connections.set(path, known);
    return known;
  };
  const request: ControlPlane['request'] = async (method, path, body, requestOptions = {}) =>
    requestJson(
      await connectionOf(requestOptions.kubeconfig ?? kubeconfig),
      ...([method, path, body, requestOptions] as const),
    );
  return {
    ...{ name: site.name, server, serverInside: running.serverInside, pki: site.pki },
    ...{ dir: site.dir, watchdog: site.watchdog, request, waitFor },
    kubeconfigPath: kubeconfig,
    caFile: site.pki.cluster.certFile,
    timings: Object.fromEntries([...components].map(([name, { readyMs }]) => [name, readyMs])),
    audit: { path: auditLogFile, read: () => readAudit(auditLogFile) },
    adminKubeconfig: () => adminText,
    kubeconfigFor: (identity) => issueKubeconfig(identity, { site, server, request }),
    component: (name) => {
      const component = components.get(name);
      if (component === undefined) throw new Error(`${name} is no part of this control plane`);
      return component;
    },
    kubectl: (args, kubectlOptions = {}) =>
      runCommand(site.binaries.kubectl, args, {
        input: kubectlOptions.input,
        env: {
          ...process.env,
          ...directEnvironment,
          KUBECONFIG: kubectlOptions.kubeconfig ?? kubeconfig,
          KUBECACHEDIR: join(site.dir, 'kubectl-cache'),
        },
      }),
    addKwokNodes: (count, nodeOptions) => addKwokNodes(request, count, nodeOptions),
    stop: async () => {
      await site.watchdog.finish();
      // The kill is done; the kernel's word on it may still be on its way to this process.
      await waitFor('all components have ended', () =>
        [...components.values()].every(({ pid }) => pid === undefined),
      );
    },
  };
};
