// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { startControlPlane } from '../control-plane/start-control-plane.ts';
import type { Pod } from './pod-spec.ts';
import { type ProcessNode, startProcessNode } from './process-node.ts';

const PODS = '/api/v1/namespaces/default/pods';
const program = (source: string) => ({ command: process.execPath, args: ['-e', source] });

const SERVER = `
const server = require('node:http').createServer((_, response) => response.end(process.env.GREETING));
server.listen(8080, process.env.POD_IP);
process.on('SIGTERM', () => { console.log('asked to stop'); process.exit(0); });`;
const HOG = `const kept = []; setInterval(() => kept.push(Buffer.alloc(4 << 20, 1)), 20);`;

type WithStatus = Pod & {
  status: {
    podIP: string;
    containerStatuses: {
      ready: boolean;
      restartCount: number;
      lastState: { terminated?: { reason: string; exitCode: number } };
    }[];
  };
};

const pod = (name: string, image: string, memory?: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 5,
    containers: [
      {
        name: 'main',
        image,
        env: [
          { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'WHO', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'GREETING', value: 'hello from $(WHO)' },
        ],
        ...(memory === undefined
          ? { readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 } }
          : {}),
        ...(memory === undefined ? {} : { resources: { limits: { memory } } }),
      },
    ],
  },
});

describe('startProcessNode', () => {
  let cluster: ControlPlane;
  let node: ProcessNode;
  const read = async (name: string) =>
    (await cluster.request<WithStatus>('GET', `${PODS}/${name}`)).body;

  beforeAll(async () => {
    cluster = await startControlPlane({ name: 'process-node' });
    node = await startProcessNode(cluster, {
      programs: { server: program(SERVER), hog: program(HOG) },
    });
    await cluster.waitFor('the default ServiceAccount exists', async () => {
      const { status } = await cluster.request(
        'GET',
        '/api/v1/namespaces/default/serviceaccounts/default',
      );
      return status === 200;
    });
  });
  afterAll(async () => {
    await node?.stop();
    await cluster?.stop();
  });

  it('runs two pods on the same port, each Ready under its own address with its own environment', async () => {
    for (const name of ['one', 'two']) {
      expect((await cluster.request('POST', PODS, pod(name, 'server'))).status).toBe(201);
      await cluster.waitFor(
        `${name} is Ready`,
        async () => (await read(name)).status?.containerStatuses?.[0]?.ready,
      );
    }
    for (const name of ['one', 'two']) {
      const { status } = await read(name);
      expect(await (await fetch(`http://${status.podIP}:8080/`)).text()).toBe(`hello from ${name}`);
    }
  });

  it('reports memory over metrics.k8s.io', async () => {
    const { body } = await cluster.request<{ containers: { usage: { memory: string } }[] }>(
      'GET',
      '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/one',
    );
    expect(Number.parseInt(body.containers[0]!.usage.memory, 10)).toBeGreaterThan(1024);
  });

  it('sends SIGTERM on deletion and lets the object go', async () => {
    await cluster.request('DELETE', `${PODS}/two`);
    await cluster.waitFor(
      'two is gone',
      async () => (await cluster.request('GET', `${PODS}/two`)).status === 404,
    );
    expect(
      readFileSync(node.logFile({ namespace: 'default', name: 'two' }, 'main'), 'utf8'),
    ).toContain('asked to stop');
  });

  it('kills a container beyond its memory limit, says OOMKilled and starts it again', async () => {
    await cluster.request('POST', PODS, pod('hog', 'hog', '128Mi'));
    const status = await cluster.waitFor('hog was restarted', async () => {
      const container = (await read('hog')).status?.containerStatuses?.[0];
      return container !== undefined && container.restartCount >= 1 ? container : undefined;
    });
    expect(status.lastState.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
    await cluster.request('DELETE', `${PODS}/hog`);
  });

  it('refuses an image it does not know, with the reason in the log', async () => {
    await cluster.request('POST', PODS, pod('stranger', 'nginx'));
    const logFile = join(node.logFile({ namespace: 'default', name: 'stranger' }, 'main'));
    await cluster.waitFor('the reason is logged', () =>
      readFileSync(logFile, 'utf8').includes('no image called nginx'),
    );
    await cluster.request('DELETE', `${PODS}/stranger`);
  });
});
