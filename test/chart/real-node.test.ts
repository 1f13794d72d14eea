// SPDX-License-Identifier: Apache-2.0
// The image from this project's own archive, the chart, a namespace that enforces restricted, a true
// node: both replicas are Ready, and telemetry reaches the leader, whichever that is.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LEADER_LABEL } from '../../src/loop/controllers/leader-label.ts';
import { packImageArchive } from '../../tools/image/build-image.ts';
import type { RealNodeCluster } from '../rig/real-node/real-node-cluster.ts';
import { reasonToSkipRealNode } from '../rig/real-node/requirements.ts';
import { startRealNode } from '../rig/real-node/start-real-node.ts';
import { CHART, mustHelm, NAMESPACE } from './helm.ts';

const skip = await reasonToSkipRealNode();
if (skip !== undefined) console.warn(skip);

interface Pod {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

interface Slices {
  readonly items: readonly {
    readonly endpoints?: readonly {
      readonly conditions?: { readonly ready?: boolean };
      readonly targetRef?: { readonly name: string };
    }[];
  }[];
}

interface Lease {
  readonly spec?: { readonly holderIdentity?: string; readonly leaseTransitions?: number };
}

const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/homeostat`;
const SLICES = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`;

describe.skipIf(skip !== undefined)('the chart on a real node', () => {
  let cluster: RealNodeCluster;
  let scratch: string;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'homeostat-chart-'));
    const { path } = await packImageArchive(join(scratch, 'image'));
    cluster = await startRealNode({
      images: [path],
      metricsServer: false,
      onProgress: (line) => console.log(line),
    });
    const namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    };
    expect((await cluster.request('POST', '/api/v1/namespaces', namespace)).status).toBe(201);
  }, 25 * 60_000);

  afterAll(async () => {
    await cluster?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  const get = async <Body>(path: string): Promise<Body> =>
    (await cluster.request<Body>('GET', path)).body;

  const pods = async (): Promise<readonly Pod[]> => {
    const path = `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app.kubernetes.io/name=homeostat`;
    return (await get<{ items: readonly Pod[] }>(path)).items;
  };

  const isReady = ({ status }: Pod): boolean =>
    status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;

  /** Names of the pods that the OTLP Service sends telemetry to now. */
  const receivers = async (): Promise<readonly string[]> => {
    const { items } = await get<Slices>(
      `${SLICES}?labelSelector=kubernetes.io/service-name=homeostat`,
    );
    return items
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready === true)
      .map(({ targetRef }) => targetRef?.name ?? '');
  };

  /** The pod of the process that holds the Lease: identities begin with the host name. */
  const holder = async (): Promise<string> =>
    ((await get<Lease>(LEASE)).spec?.holderIdentity ?? '').split('_')[0] as string;

  /** Waits until one pod leads, alone has the label, and alone receives. Returns its name. */
  const leader = (isRight: (name: string) => boolean): Promise<string> =>
    cluster.waitFor('the Service selects the leader, and only it', async () => {
      const [name, all, selected] = await Promise.all([holder(), pods(), receivers()]);
      const labelled = all
        .filter(({ metadata }) => metadata.labels[LEADER_LABEL] === 'true')
        .map(({ metadata }) => metadata.name);
      const isAlone = labelled.join() === name && selected.join() === name;
      return name !== '' && isRight(name) && isAlone && name;
    });

  const bothReady = (): Promise<readonly Pod[]> =>
    cluster.waitFor('both replicas are Ready', async () => {
      const all = await pods();
      return all.length === 2 && all.every(isReady) && all;
    });

  /** Sends a signal to the operator's process in a pod. */
  const signal = async (name: string, which: 'STOP' | 'CONT'): Promise<void> => {
    const script = `for p in /proc/[0-9]*; do
      grep -qs main.mjs $p/cmdline && [ "$(cat $p/root/etc/hostname 2>/dev/null)" = "$1" ] &&
        kill -${which} \${p#/proc/} && echo sent; done; true`;
    const { stdout } = await cluster.exec(['/bin/sh', '-c', script, 'sh', name]);
    expect(stdout.trim()).toBe('sent');
  };

  /** Sends one metric to the Service's address; resolves with the status. */
  const send = async (): Promise<number> => {
    const { body } = await cluster.request<{ spec: { clusterIP: string } }>(
      'GET',
      `/api/v1/namespaces/${NAMESPACE}/services/homeostat`,
    );
    const dataPoints = [{ asDouble: 1, timeUnixNano: `${Date.now()}000000` }];
    const metrics = [{ name: 'test', gauge: { dataPoints } }];
    const reply = await fetch(`http://${body.spec.clusterIP}:4318/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }),
      signal: AbortSignal.timeout(10_000),
    });
    return reply.status;
  };

  const accepts = (): Promise<boolean> =>
    cluster.waitFor('telemetry is accepted', () =>
      send().then(
        (status) => status === 200,
        () => false,
      ),
    );

  const logs = async (): Promise<string> => {
    const args = ['logs', '-n', NAMESPACE, '-l', 'app.kubernetes.io/name=homeostat', '--tail=-1'];
    return (await cluster.kubectl(args)).stdout;
  };

  it('becomes Ready twice in a namespace that enforces restricted', async () => {
    await mustHelm(['install', 'homeostat', CHART, '-n', NAMESPACE], cluster.kubeconfigPath);
    const all = await bothReady();
    expect(all.map(({ spec }) => spec.containers[0]?.image)).toEqual([
      'homeostat:0.1.0',
      'homeostat:0.1.0',
    ]);
  });

  it('sends telemetry to the leader, and only to it', async () => {
    await leader(() => true);
    await accepts();
  });

  it('passes `helm test`: telemetry by the name of the Service', async () => {
    const args = ['test', 'homeostat', '-n', NAMESPACE, '--timeout', '5m'];
    expect(await mustHelm(args, cluster.kubeconfigPath)).toContain('Succeeded');
  });

  it('works with the rights of its account alone', async () => {
    expect(await logs()).not.toMatch(/forbids a call|forbidden/);
  });

  it('follows when the leader freezes, and takes nothing back when it thaws', async () => {
    const old = await leader(() => true);
    await signal(old, 'STOP');
    const next = await leader((name) => name !== old);
    await accepts();
    await signal(old, 'CONT');
    // Its term is over: the process exits, and the kubelet starts it again as a standby.
    await cluster.waitFor('the thawed process was replaced', async () => {
      const pod = (await pods()).find(({ metadata }) => metadata.name === old);
      return (pod?.status.containerStatuses?.[0]?.restartCount ?? 0) > 0 && isReady(pod as Pod);
    });
    expect(await leader(() => true)).toBe(next);
  });

  it('follows when the leader is killed: the other takes over', async () => {
    const old = await leader(() => true);
    const other = (await bothReady())
      .map(({ metadata }) => metadata.name)
      .find((name) => name !== old);
    const kill = ['delete', 'pod', old, '-n', NAMESPACE, '--grace-period=0', '--force'];
    expect((await cluster.kubectl(kill)).code).toBe(0);
    expect(await leader((name) => name !== old)).toBe(other);
    await bothReady();
    await accepts();
  });

  it('hands over in an upgrade, and keeps the Lease', async () => {
    const old = await leader(() => true);
    const before = await get<{ metadata: { uid: string } }>(LEASE);
    const args = ['upgrade', 'homeostat', CHART, '-n', NAMESPACE, '--set', 'logLevel=debug'];
    await mustHelm(args, cluster.kubeconfigPath);
    await leader((name) => name !== old);
    await bothReady();
    const after = await get<{ metadata: { uid: string } }>(LEASE);
    expect(after.metadata.uid).toBe(before.metadata.uid);
    await accepts();
  });

  it('is gone after it was removed, the Lease too', async () => {
    await mustHelm(['uninstall', 'homeostat', '-n', NAMESPACE], cluster.kubeconfigPath);
    await cluster.waitFor('the pods are gone', async () => (await pods()).length === 0);
    expect((await cluster.request('GET', LEASE)).status).toBe(404);
  });
});
