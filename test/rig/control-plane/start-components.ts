// SPDX-License-Identifier: Apache-2.0
// How each component is started and when it counts as ready. Ports are chosen at the first start
// and kept for every later one; when another process was quicker, others are tried.
import { request as requestHttp } from 'node:http';
import { join } from 'node:path';
import type { BinaryPaths } from '../toolchain/ensure-binaries.ts';
import {
  apiServerArguments,
  connectAddress,
  controllerManagerArguments,
  etcdArguments,
  kwokArguments,
  schedulerArguments,
} from './arguments.ts';
import { type Component, ComponentExitedError, createComponent } from './component.ts';
import type { ComponentName } from './control-plane.ts';
import { requestJson } from './json-client.ts';
import { readConnection, writeKubeconfig } from './kubeconfig.ts';
import type { CertificateFiles, ControlPlaneCertificates, Pki } from './pki.ts';
import { freePort } from './ports.ts';
import type { Watchdog } from './watchdog.ts';

/** Holds what all components of one control plane share. */
export interface Site {
  readonly name: string;
  readonly dir: string;
  readonly watchdog: Watchdog;
  readonly binaries: BinaryPaths;
  readonly pki: Pki;
  readonly certificates: ControlPlaneCertificates;
  readonly bindAddress: string;
  readonly advertiseAddress: string | undefined;
  readonly serviceClusterIpRange: string;
  readonly fsync: boolean;
  readonly extraArgs: Partial<Record<ComponentName, readonly string[]>>;
  /** Command prefix that enters the network namespace; empty without one. */
  readonly enter: readonly string[];
  /** Returns the port on the machine's loopback that reaches the port of a component. */
  readonly reach: (port: number, host?: string) => Promise<number>;
}

/** Tells how one component starts on newly chosen ports. */
interface Launch {
  readonly args: readonly string[];
  readonly isReady: () => Promise<boolean>;
}

const PORT_TRIES = 8;

const launch = async (
  site: Site,
  name: ComponentName,
  choose: () => Promise<Launch>,
): Promise<Component> => {
  for (let attempt = 1; ; attempt++) {
    const { args, isReady } = await choose();
    const component = createComponent({
      name,
      command: () => [...site.enter, site.binaries[name], ...args, ...(site.extraArgs[name] ?? [])],
      logFile: join(site.dir, `${name}.log`),
      watchdog: site.watchdog,
      isReady,
    });
    try {
      await component.start();
      return component;
    } catch (error) {
      await component.stop('SIGKILL');
      const mayRetry = error instanceof ComponentExitedError && error.isPortTaken;
      if (!mayRetry || attempt === PORT_TRIES) throw error;
    }
  }
};

const postHttp = (port: number, path: string, body: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method: 'POST', agent: false };
    const outgoing = requestHttp(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });

/** Starts etcd and returns it with its client port. */
export const startEtcd = async (
  site: Site,
): Promise<{ component: Component; clientPort: number }> => {
  let clientPort = 0;
  const component = await launch(site, 'etcd', async () => {
    clientPort = await freePort();
    const peerPort = await freePort();
    const dataDir = join(site.dir, `etcd-${clientPort}`);
    const { name, fsync } = site;
    const local = await site.reach(clientPort);
    return {
      args: etcdArguments({ name, dataDir, clientPort, peerPort, fsync }),
      // The name tells it from the etcd of another control plane that took the port first.
      isReady: async () => {
        const members = await postHttp(local, '/v3/cluster/member/list', '{}');
        return members.startsWith('200') && members.includes(`"name":"${name}"`);
      },
    };
  });
  return { component, clientPort };
};

/** Starts the API server and returns it with its port and the administrator's kubeconfig. */
export const startApiServer = async (
  site: Site,
  etcdPort: number,
  files: { readonly auditPolicyFile: string; readonly auditLogFile: string },
): Promise<{ component: Component; port: number; server: string; kubeconfig: string }> => {
  const { pki, certificates, bindAddress, advertiseAddress, serviceClusterIpRange } = site;
  const kubeconfig = join(site.dir, 'admin.kubeconfig');
  const caFile = pki.cluster.certFile;
  let port = 0;
  let server = '';
  const component = await launch(site, 'kube-apiserver', async () => {
    port = await freePort(site.enter.length === 0 ? bindAddress : '127.0.0.1');
    const host = connectAddress(bindAddress);
    server =
      site.enter.length === 0
        ? `https://${host}:${port}`
        : `https://127.0.0.1:${await site.reach(port, host)}`;
    const credentials = certificates.admin;
    await writeKubeconfig(kubeconfig, { server, caFile, credentials, name: site.name });
    const connection = await readConnection(kubeconfig);
    return {
      args: apiServerArguments({
        ...{ pki, certificates, bindAddress, advertiseAddress, serviceClusterIpRange, port },
        ...{ etcdUrl: `http://127.0.0.1:${etcdPort}`, ...files },
      }),
      isReady: async () => (await requestJson(connection, 'GET', '/readyz')).status === 200,
    };
  });
  return { component, port, server, kubeconfig };
};

const insideKubeconfig = (
  site: Site,
  serverInside: string,
  name: string,
  credentials: CertificateFiles,
): Promise<string> => {
  const path = join(site.dir, `${name}.kubeconfig`);
  const caFile = site.pki.cluster.certFile;
  return writeKubeconfig(path, { server: serverInside, caFile, credentials, name: site.name });
};

const healthOf = async (site: Site, port: number, path: string) => {
  const server = `https://127.0.0.1:${await site.reach(port)}`;
  const connection = await readConnection(join(site.dir, 'admin.kubeconfig'));
  return async () => (await requestJson({ ...connection, server }, 'GET', path)).status === 200;
};

/** Starts kube-controller-manager; it is ready when pods can be created in `default`. */
export const startControllerManager = async (
  site: Site,
  serverInside: string,
): Promise<Component> => {
  const { pki, certificates } = site;
  const { controllerManager, serving } = certificates;
  const kubeconfig = await insideKubeconfig(
    ...([site, serverInside, 'controller-manager', controllerManager] as const),
  );
  const admin = await readConnection(join(site.dir, 'admin.kubeconfig'));
  const account = '/api/v1/namespaces/default/serviceaccounts/default';
  return launch(site, 'kube-controller-manager', async () => {
    const port = await freePort();
    const isHealthy = await healthOf(site, port, '/healthz');
    const input = { kubeconfig, serving, bindAddress: '127.0.0.1', port, pki };
    return {
      args: controllerManagerArguments(input),
      isReady: async () =>
        (await isHealthy()) && (await requestJson(admin, 'GET', account)).status === 200,
    };
  });
};

/** Starts kube-scheduler. */
export const startScheduler = async (site: Site, serverInside: string): Promise<Component> => {
  const { scheduler, serving } = site.certificates;
  const kubeconfig = await insideKubeconfig(site, serverInside, 'scheduler', scheduler);
  return launch(site, 'kube-scheduler', async () => {
    const port = await freePort();
    return {
      args: schedulerArguments({ kubeconfig, serving, bindAddress: '127.0.0.1', port }),
      isReady: await healthOf(site, port, '/readyz'),
    };
  });
};

/** Starts kwok with the given stages. */
export const startKwok = async (
  site: Site,
  serverInside: string,
  stagesFile: string,
): Promise<Component> => {
  const { admin } = site.certificates;
  const kubeconfig = await insideKubeconfig(site, serverInside, 'kwok', admin);
  return launch(site, 'kwok', async () => {
    const port = await freePort();
    const local = await site.reach(port);
    return {
      args: kwokArguments({ kubeconfig, stagesFile, port }),
      isReady: async () => (await postHttp(local, '/healthz', '')).startsWith('200'),
    };
  });
};
