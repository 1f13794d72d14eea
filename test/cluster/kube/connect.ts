// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { systemClock } from '../../../src/instrumentation/system-clock.ts';
import type { Endpoint } from '../../../src/kube/credentials.ts';
import { kubeconfigEndpoint } from '../../../src/kube/kubeconfig.ts';
import type { KubeObject } from '../../../src/kube/resource.ts';
import { createTransport, type Transport } from '../../../src/kube/transport.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../../rig/fault-proxy/fault-proxy.ts';

/** Opens a transport with a budget that does not slow tests down. */
export const connect = (endpoint: Endpoint): Transport =>
  createTransport({
    endpoint,
    clock: systemClock,
    userAgent: () => 'homeostat/test',
    limits: { qps: 2_000, burst: 2_000, reservedQps: 5 },
  });

/** Opens a transport as the administrator. */
export const connectAdmin = async (cluster: ControlPlane): Promise<Transport> =>
  connect(await kubeconfigEndpoint({ path: cluster.kubeconfigPath }));

/** Starts a fault proxy before the API server, with a certificate that its authority signed. */
export async function proxyBefore(cluster: ControlPlane, seed: number): Promise<FaultProxy> {
  const files = await cluster.pki.issue({
    name: `fault-proxy-${seed}`,
    commonName: 'fault-proxy',
    addresses: ['127.0.0.1'],
  });
  const [cert, key, ca] = await Promise.all(
    [files.certFile, files.keyFile, cluster.caFile].map((file) => readFile(file, 'utf8')),
  );
  return startFaultProxy({
    upstream: await kubeconfigEndpoint({ path: cluster.kubeconfigPath }),
    seed,
    tls: { cert: cert ?? '', key: key ?? '', ca: ca ?? '' },
  });
}

/** A pod that no scheduler places. */
export const unscheduled = (namespace: string, name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace, name },
  spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'none' }] },
});

/** A config map, the cheapest object there is. */
export const configMap = (namespace: string, name: string, value = '0'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
  data: { value },
});

/** Polls until a condition holds. @throws Error after a generous deadline */
export async function eventually(what: string, check: () => boolean): Promise<void> {
  const end = performance.now() + 120_000;
  while (!check()) {
    if (performance.now() > end) throw new Error(`not within two minutes: ${what}`);
    await systemClock.sleep(20);
  }
}
