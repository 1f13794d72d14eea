// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RealNodeCluster } from './real-node-cluster.ts';
import { reasonToSkipRealNode } from './requirements.ts';
import {
  ask,
  createSample,
  podsOf,
  readyPods,
  sampleImage,
  serviceAddress,
} from './sample-workload.ts';
import { startRealNode } from './start-real-node.ts';

const skip = await reasonToSkipRealNode();
if (skip !== undefined) console.warn(skip);

describe.skipIf(skip !== undefined)('startRealNode', () => {
  let cluster: RealNodeCluster;

  beforeAll(async () => {
    const images = [await sampleImage()];
    cluster = await startRealNode({ images, onProgress: (line) => console.log(line) });
    await createSample(cluster, { name: 'web', replicas: 2 });
  }, 25 * 60_000);

  afterAll(async () => {
    await cluster?.stop();
  });

  it('has a node that is Ready and runs the versions of the toolchain', async () => {
    const { body } = await cluster.request<{
      status: {
        conditions: readonly { type: string; status: string }[];
        nodeInfo: { kubeletVersion: string; containerRuntimeVersion: string };
        addresses: readonly { type: string; address: string }[];
      };
    }>('GET', `/api/v1/nodes/${cluster.nodeName}`);
    expect(body.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'True' }),
    );
    expect(body.status.nodeInfo.kubeletVersion).toBe('v1.37.2');
    expect(body.status.nodeInfo.containerRuntimeVersion).toBe('containerd://2.4.2');
    expect(body.status.addresses).toContainEqual({ type: 'InternalIP', address: cluster.nodeIp });
  });

  it('runs pods under restricted security, Ready by their probes, reachable from here', async () => {
    const pods = await readyPods(cluster, 'web', 2);
    for (const { metadata, status } of pods) {
      expect(await ask(`${status.podIP}:8080`)).toBe(`hello from ${metadata.name}`);
    }
  });

  it('serves a Service to this process and, by its name, to pods', async () => {
    const pods = await readyPods(cluster, 'web', 2);
    const address = await serviceAddress(cluster, 'web');
    const fromHere = await cluster.waitFor('the Service answers', () => ask(address));
    expect(fromHere).toMatch(/^hello from web-/);
    for (const name of ['web', 'web.default', 'web.default.svc.cluster.local']) {
      const text = await ask(`${pods[0]?.status.podIP}:8080`, `/fetch?url=http://${name}`);
      expect(text).toMatch(/^200 hello from web-/);
    }
    const absent = await ask(`${pods[0]?.status.podIP}:8080`, '/fetch?url=http://absent.default');
    expect(absent).toContain('ENOTFOUND');
  });

  it('lets pods reach the API server by its Service, with the rights of their account', async () => {
    const [pod] = await readyPods(cluster, 'web', 2);
    const path = '/api?path=/api/v1/namespaces/default/pods';
    expect(await ask(`${pod?.status.podIP}:8080`, path)).toMatch(/^403 /);
    const role = ['create', 'clusterrolebinding', 'reader', '--clusterrole=view'];
    const bound = await cluster.kubectl([...role, '--serviceaccount=default:default']);
    expect(bound.code, bound.stderr).toBe(0);
    await cluster.waitFor('the account may read', async () =>
      (await ask(`${pod?.status.podIP}:8080`, path)).startsWith('200 '),
    );
  });

  it('lets pods reach a server of this process, and nothing beyond this machine', async () => {
    const [pod] = await readyPods(cluster, 'web', 2);
    const server = createServer((_request, response) => response.end('from the test'));
    await new Promise<void>((resolve) => {
      server.listen(0, cluster.hostIp, resolve);
    });
    const { port } = server.address() as AddressInfo;
    const path = `/fetch?url=http://${cluster.hostIp}:${port}`;
    expect(await ask(`${pod?.status.podIP}:8080`, path)).toBe('200 from the test');
    await new Promise((resolve) => {
      server.close(resolve);
    });
    const routes = await cluster.exec(['/bin/sh', '-c', 'ip route show default']);
    expect(routes).toMatchObject({ code: 0, stdout: '' });
  });

  it('shows a container that outgrew its memory limit as OOMKilled', async () => {
    await createSample(cluster, { name: 'greedy', replicas: 1, memory: '128Mi' });
    const [pod] = await readyPods(cluster, 'greedy', 1);
    await ask(`${pod?.status.podIP}:8080`, '/grow?mib=300').catch(() => undefined);
    const status = await cluster.waitFor('the container was restarted', async () => {
      const [again] = await podsOf(cluster, 'greedy');
      const container = again?.status.containerStatuses?.[0];
      return container?.lastState.terminated !== undefined && container;
    });
    expect(status.lastState.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
    expect(status.restartCount).toBeGreaterThanOrEqual(1);
    await readyPods(cluster, 'greedy', 1);
  });

  it('refuses an eviction by 429 under a disruption budget, and allows it within one', async () => {
    const before = await readyPods(cluster, 'web', 2);
    const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
    const budget = (minAvailable: number) => ({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web' },
      spec: { minAvailable, selector: { matchLabels: { app: 'web' } } },
    });
    expect((await cluster.request('POST', budgets, budget(2))).status).toBe(201);
    const allowed = (count: number) =>
      cluster.waitFor(`the budget allows ${count}`, async () => {
        const { body } = await cluster.request<{
          status?: { disruptionsAllowed?: number; expectedPods?: number };
        }>('GET', `${budgets}/web`);
        return body.status?.expectedPods === 2 && body.status.disruptionsAllowed === count;
      });
    const victim = before[0]?.metadata.name ?? '';
    const evict = () =>
      cluster.request('POST', `/api/v1/namespaces/default/pods/${victim}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: victim, namespace: 'default' },
      });
    await allowed(0);
    expect((await evict()).status).toBe(429);
    expect((await cluster.request('PATCH', `${budgets}/web`, budget(1))).status).toBe(200);
    await allowed(1);
    expect((await evict()).status).toBe(201);
    const after = await readyPods(cluster, 'web', 2);
    expect(after.map(({ metadata }) => metadata.uid)).not.toContain(before[0]?.metadata.uid);
    const evictions = (await cluster.audit.read())
      .filter(({ objectRef }) => objectRef?.subresource === 'eviction')
      .map(({ responseStatus }) => responseStatus?.code);
    expect(evictions).toEqual([429, 201]);
  });

  it('keeps containers running over a kill of the kubelet', async () => {
    const pods = await readyPods(cluster, 'web', 2);
    const starts = () =>
      Promise.all(pods.map(({ status }) => ask(`${status.podIP}:8080`, '/started')));
    const before = await starts();
    const renewedAt = async () => {
      const path = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases`;
      const { body } = await cluster.request<{ spec?: { renewTime: string } }>(
        ...(['GET', `${path}/${cluster.nodeName}`] as const),
      );
      // Absent until the kubelet has made its lease, which it tries again with growing pauses.
      return body.spec?.renewTime;
    };
    const lease = await cluster.waitFor('the kubelet has a lease', renewedAt);
    await cluster.component('kubelet').restart('SIGKILL');
    await cluster.waitFor('the new kubelet renews its lease', async () => {
      return (await renewedAt()) !== lease;
    });
    expect(await starts()).toEqual(before);
    const after = await readyPods(cluster, 'web', 2);
    expect(after.map(({ metadata }) => metadata.uid)).toEqual(
      pods.map(({ metadata }) => metadata.uid),
    );
    for (const { status } of after) expect(status.containerStatuses?.[0]?.restartCount).toBe(0);
  });

  it('freezes and continues a program of the node', async () => {
    const dns = cluster.component('coredns');
    dns.pause();
    await cluster.waitFor('CoreDNS is frozen', async () => !(await dns.isReady()));
    dns.resume();
    await cluster.waitFor('CoreDNS answers again', () => dns.isReady());
  });

  it('runs programs in all namespaces, or in the network only', async () => {
    const inside = await cluster.exec(['/bin/cat', '/proc/1/comm', '/proc/sys/kernel/hostname']);
    expect(inside.stdout).toBe(`init.sh\n${cluster.nodeName}\n`);
    const child = cluster.spawn(['ip', '-brief', 'address', 'show', 'eth0']);
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect(output).toContain(cluster.nodeIp);
  });

  it('serves figures of pods and of the node at metrics.k8s.io', async () => {
    await cluster.waitForMetrics();
    const [pod] = await readyPods(cluster, 'web', 2);
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/${pod?.metadata.name}`;
    const { status, body } = await cluster.request<{
      containers: readonly { name: string; usage: { memory: string; cpu: string } }[];
    }>('GET', path);
    expect(status).toBe(200);
    expect(body.containers.map(({ name }) => name)).toEqual(['app']);
    expect(Number.parseInt(body.containers[0]?.usage.memory ?? '', 10)).toBeGreaterThan(1024);
    const top = await cluster.kubectl(['top', 'node', cluster.nodeName, '--no-headers']);
    expect(top.code, top.stderr).toBe(0);
  });

  it('reports the time of each step', () => {
    const steps = ['namespaces', 'etcd', 'kube-apiserver', 'containerd', 'kubelet', 'cluster'];
    for (const step of steps) expect(cluster.timings[step]).toBeGreaterThan(0);
  });
});
