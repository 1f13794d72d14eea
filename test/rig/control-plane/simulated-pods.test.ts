// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ControlPlane } from './control-plane.ts';
import { type MetricsApi, registerMetricsApi } from './metrics-api.ts';
import { startControlPlane } from './start-control-plane.ts';

let cluster: ControlPlane;
beforeAll(async () => {
  cluster = await startControlPlane({ name: 'kwok', kwok: true });
}, 20 * 60_000);
afterAll(() => cluster?.stop());

interface PodList {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}
const podNames = async (): Promise<readonly string[]> => {
  const path = '/api/v1/namespaces/default/pods?labelSelector=app%3Dweb';
  const { body } = await cluster.request<PodList>('GET', path);
  return body.items.map(({ metadata }) => metadata.name);
};

it('makes a Deployment of 3 Ready on simulated nodes', async () => {
  expect(await cluster.addKwokNodes(2)).toEqual(['kwok-0', 'kwok-1']);
  await cluster.kubectl(['create', 'deployment', 'web', '--image=web', '--replicas=3']);
  await cluster.waitFor('3 replicas are Ready', async () => {
    const path = '/apis/apps/v1/namespaces/default/deployments/web';
    const { body } = await cluster.request<{ status?: { readyReplicas?: number } }>('GET', path);
    return body.status?.readyReplicas === 3;
  });
});

it('adds more nodes beside those that are there', async () => {
  expect(await cluster.addKwokNodes(1)).toEqual(['kwok-2']);
});

it('evicts through a PodDisruptionBudget as upstream does', async () => {
  const pdb = ['create', 'pdb', 'web', '--selector=app=web', '--min-available=3'];
  expect((await cluster.kubectl(pdb)).code).toBe(0);
  const budget = '/apis/policy/v1/namespaces/default/poddisruptionbudgets/web';
  await cluster.waitFor('the budget counts the pods', async () => {
    const { body } = await cluster.request<{ status?: { currentHealthy?: number } }>('GET', budget);
    return body.status?.currentHealthy === 3;
  });
  const [name = ''] = await podNames();
  const path = `/api/v1/namespaces/default/pods/${name}/eviction`;
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
  expect((await cluster.request('POST', path, eviction)).status).toBe(429);
  await cluster.kubectl(['delete', 'pdb', 'web']);
  expect((await cluster.request('POST', path, eviction)).status).toBe(201);
  await cluster.waitFor('a replacement is there', async () => {
    const names = await podNames();
    return names.length === 3 && !names.includes(name);
  });
});

it('serves metrics.k8s.io for kubectl top and removes it again', async () => {
  const names = await podNames();
  let memoryBytes = 64 * 1024 * 1024;
  const api: MetricsApi = await registerMetricsApi(cluster, () =>
    names.map((name) => ({
      namespace: 'default',
      name,
      labels: { app: 'web' },
      containers: [{ name: 'web', cpuNanocores: 250_000_000, memoryBytes }],
    })),
  );
  const top = () => cluster.kubectl(['top', 'pods', '--no-headers', '-l', 'app=web']);
  const { stdout, code } = await top();
  expect(code).toBe(0);
  expect(stdout.trim().split('\n')).toHaveLength(3);
  expect(stdout).toMatch(/250m +64Mi/);
  memoryBytes *= 2;
  expect((await top()).stdout).toMatch(/250m +128Mi/);
  await api.stop();
  expect((await cluster.kubectl(['get', 'apiservice', 'v1beta1.metrics.k8s.io'])).code).toBe(1);
});
