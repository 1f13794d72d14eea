// SPDX-License-Identifier: Apache-2.0
// Serves metrics.k8s.io from a callback, in place of metrics-server: `kubectl top pods` and the
// HorizontalPodAutoscaler read what a test says. The API server reaches it through an APIService
// whose Service is an external name for loopback, so this works where the API server runs on the
// same machine and in the same network namespace as this process.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { ControlPlane } from './control-plane.ts';
import { parseLabelSelector } from './label-selector.ts';

/** Reports the use of one pod at one time. */
export interface PodMetrics {
  readonly namespace: string;
  readonly name: string;
  /** Labels of the pod: the autoscaler selects by them. */
  readonly labels?: Readonly<Record<string, string>>;
  /** End of the window, Unix time in milliseconds; now by default. */
  readonly timestampMs?: number;
  /** Length of the window over which the CPU is averaged, in seconds; 10 by default. */
  readonly windowSeconds?: number;
  readonly containers: readonly {
    readonly name: string;
    /** CPU in nanocores: 1e9 is one core. */
    readonly cpuNanocores: number;
    /** Working set in bytes. */
    readonly memoryBytes: number;
  }[];
}

/** Controls a registered metrics API. */
export interface MetricsApi {
  readonly port: number;
  /** Removes the registration and stops serving. */
  stop(): Promise<void>;
}

const GROUP_VERSION = 'metrics.k8s.io/v1beta1';
const BASE = `/apis/${GROUP_VERSION}`;
const SERVICE = { namespace: 'kube-system', name: 'homeostat-metrics' };
const SERVICES = `/api/v1/namespaces/${SERVICE.namespace}/services`;
const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const API_SERVICE_NAME = 'v1beta1.metrics.k8s.io';

const resourceList = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: GROUP_VERSION,
  resources: [
    {
      name: 'pods',
      singularName: '',
      namespaced: true,
      kind: 'PodMetrics',
      verbs: ['get', 'list'],
    },
  ],
};

const podMetricsObject = (pod: PodMetrics): unknown => ({
  kind: 'PodMetrics',
  apiVersion: GROUP_VERSION,
  metadata: { namespace: pod.namespace, name: pod.name, labels: pod.labels ?? {} },
  timestamp: new Date(pod.timestampMs ?? Date.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
  window: `${pod.windowSeconds ?? 10}s`,
  containers: pod.containers.map(({ name, cpuNanocores, memoryBytes }) => ({
    name,
    usage: {
      cpu: `${Math.round(cpuNanocores)}n`,
      memory: `${Math.round(memoryBytes / 1024)}Ki`,
    },
  })),
});

const podMetricsList = (pods: readonly PodMetrics[]): unknown => ({
  kind: 'PodMetricsList',
  apiVersion: GROUP_VERSION,
  metadata: {},
  items: pods.map(podMetricsObject),
});

/** Answers one request path, as `[status, body]`. */
export const answerMetrics = (
  target: string,
  pods: readonly PodMetrics[],
): readonly [status: number, body: unknown] => {
  const url = new URL(target, 'https://localhost');
  if (url.pathname === BASE) return [200, resourceList];
  const matches = parseLabelSelector(url.searchParams.get('labelSelector') ?? '');
  const selected = pods.filter(({ labels = {} }) => matches(labels));
  if (url.pathname === `${BASE}/pods`) return [200, podMetricsList(selected)];
  const path = /^\/namespaces\/([^/]+)\/pods(?:\/([^/]+))?$/.exec(url.pathname.slice(BASE.length));
  if (path === null) return [404, status(404, 'NotFound', `no such path: ${url.pathname}`)];
  const [, namespace, name] = path;
  const here = selected.filter((pod) => pod.namespace === namespace);
  if (name === undefined) return [200, podMetricsList(here)];
  const pod = here.find((one) => one.name === name);
  return pod === undefined
    ? [404, status(404, 'NotFound', `no metrics known for pod "${namespace}/${name}"`)]
    : [200, podMetricsObject(pod)];
};

const status = (code: number, reason: string, message: string): unknown => ({
  ...{ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message },
});

const serve = async (
  controlPlane: ControlPlane,
  source: () => readonly PodMetrics[],
): Promise<{ server: Server; port: number }> => {
  const { certFile, keyFile } = await controlPlane.pki.issue({
    name: 'metrics-api',
    commonName: 'metrics-api',
    addresses: ['localhost', '127.0.0.1'],
  });
  const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const server = createServer(tls, (request, response) => {
    const [code, body] = answerMetrics(request.url ?? '/', source());
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
};

const objects = (port: number) => ({
  service: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: SERVICE,
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  },
  apiService: {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: API_SERVICE_NAME },
    spec: {
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      insecureSkipTLSVerify: true,
      service: { ...SERVICE, port },
    },
  },
});

/**
 * Serves metrics.k8s.io with what `source` returns at each request, and resolves when the API
 * server answers with it. One registration a control plane at a time.
 */
export const registerMetricsApi = async (
  controlPlane: ControlPlane,
  source: () => readonly PodMetrics[],
): Promise<MetricsApi> => {
  const { server, port } = await serve(controlPlane, source);
  const { service, apiService } = objects(port);
  const create = async (path: string, body: unknown) => {
    const answer = await controlPlane.request('POST', path, body);
    if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  };
  const stop = async (): Promise<void> => {
    await controlPlane.request('DELETE', `${API_SERVICES}/${API_SERVICE_NAME}`);
    await controlPlane.request('DELETE', `${SERVICES}/${SERVICE.name}`);
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  await create(SERVICES, service);
  await create(API_SERVICES, apiService);
  await controlPlane.waitFor('metrics.k8s.io is served', async () => {
    const { status: code } = await controlPlane.request('GET', `${BASE}/pods`);
    return code === 200;
  });
  return { port, stop };
};
