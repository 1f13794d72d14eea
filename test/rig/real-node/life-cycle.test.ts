// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../control-plane/wait-for.ts';
import { leftoversOf } from './leftovers.ts';
import type { RealNodeCluster } from './real-node-cluster.ts';
import { reasonToSkipRealNode } from './requirements.ts';
import { listRuns, removeDeadRuns } from './run-register.ts';
import { ask, createSample, readyPods, sampleImage, serviceAddress } from './sample-workload.ts';
import { startRealNode } from './start-real-node.ts';

const skip = await reasonToSkipRealNode();
if (skip !== undefined) console.warn(skip);

const onProgress = (line: string) => console.log(line);
const slotOf = (cluster: RealNodeCluster): string => cluster.nodeIp.split('.')[2] ?? '';
const nothingOf = (name: string, slot: string) =>
  waitFor(`nothing of ${name} is left`, async () => {
    const left = await leftoversOf(name, [`homeostat${slot}`]);
    if (left.length > 0) throw new Error(left.join('\n'));
    return true;
  });

describe.skipIf(skip !== undefined)('life of real nodes', () => {
  let image: string;
  const open: RealNodeCluster[] = [];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    image = await sampleImage();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await Promise.all(open.splice(0).map((cluster) => cluster.stop()));
  });

  const start = async (name: string, images: readonly string[] = []) => {
    const cluster = await startRealNode({ name, images, metricsServer: false, onProgress });
    open.push(cluster);
    return cluster;
  };

  /** Starts a node from a process of its own and resolves when it is ready. */
  const startElsewhere = async (name: string): Promise<{ child: ChildProcess; slot: string }> => {
    const script = join(import.meta.dirname, 'start-and-hang.ts');
    const child = spawn(process.execPath, [script, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const output = await new Promise<string>((resolve, reject) => {
      child.stdout?.setEncoding('utf8').once('data', resolve);
      child.once('exit', (code) => reject(new Error(`the other process ended with ${code}`)));
    });
    const { nodeIp } = JSON.parse(output) as { nodeIp: string };
    return { child, slot: nodeIp.split('.')[2] ?? '' };
  };

  const kill = async (child: ChildProcess): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };

  it('runs two clusters at once, reachable side by side, and leaves nothing behind', async () => {
    const [one, two] = await Promise.all([start('two-a', [image]), start('two-b', [image])]);
    expect(slotOf(one)).not.toBe(slotOf(two));
    const addresses: string[] = [];
    for (const cluster of [one, two]) {
      await createSample(cluster, { name: 'web', replicas: 1 });
      const [pod] = await readyPods(cluster, 'web', 1);
      const address = await serviceAddress(cluster, 'web');
      addresses.push(address);
      const text = await cluster.waitFor('the Service answers', () => ask(address));
      expect(text).toBe(`hello from ${pod?.metadata.name}`);
      const inside = await ask(`${pod?.status.podIP}:8080`, '/fetch?url=http://web.default.svc');
      expect(inside).toBe(`200 hello from ${pod?.metadata.name}`);
    }
    await one.stop();
    await nothingOf('two-a', slotOf(one));
    expect(await ask(addresses[1] ?? '')).toMatch(/^hello from web-/);
    expect((await leftoversOf('two-b')).length).toBeGreaterThan(0);
    await two.stop();
    await nothingOf('two-b', slotOf(two));
  });

  it('leaves nothing behind when the process that started it is killed', async () => {
    const { child, slot } = await startElsewhere('killed');
    expect((await leftoversOf('killed', [`homeostat${slot}`])).length).toBeGreaterThan(5);
    await kill(child);
    await nothingOf('killed', slot);
  });

  it('leaves nothing behind when it is stopped, or its process killed, with frozen programs', async () => {
    const cluster = await start('frozen');
    for (const name of ['kubelet', 'coredns', 'etcd'] as const) cluster.component(name).pause();
    await cluster.stop();
    await nothingOf('frozen', slotOf(cluster));
    const { child, slot } = await startElsewhere('icy');
    const inside = (await leftoversOf('icy')).join('\n');
    const kubelets = [...inside.matchAll(/process (\d+): .*kubelet/g)].map(([, pid]) =>
      Number(pid),
    );
    expect(kubelets.length).toBeGreaterThan(1);
    for (const pid of kubelets) process.kill(pid, 'SIGSTOP');
    await kill(child);
    await nothingOf('icy', slot);
  });

  it('removes before the next start what nobody was left to remove', async () => {
    const { child, slot } = await startElsewhere('orphan');
    const run = (await listRuns()).find(({ name }) => name === 'orphan');
    const unshare = await readFile(join(run?.register ?? '', 'unshare-pid'), 'utf8');
    const status = await readFile(`/proc/${unshare.trim()}/status`, 'utf8');
    const keeper = Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]);
    // Its child that reads the same pipe would do the work as well.
    process.kill(-keeper, 'SIGKILL');
    await kill(child);
    expect((await leftoversOf('orphan', [`homeostat${slot}`])).length).toBeGreaterThan(0);
    expect(await removeDeadRuns()).toContain('orphan');
    await nothingOf('orphan', slot);
  });

  it('refuses a name that a living process uses', async () => {
    await startElsewhere('taken');
    await expect(startRealNode({ name: 'taken' })).rejects.toThrow(
      /node taken is already run by process \d+/,
    );
    expect((await leftoversOf('taken')).length).toBeGreaterThan(0);
  });

  it('refuses a name that would not do as a host name', async () => {
    await expect(startRealNode({ name: 'Not_good' })).rejects.toThrow('`name` must be');
  });

  it('leaves nothing behind when a start fails half way', async () => {
    const noArchive = import.meta.filename;
    await expect(start('broken', [noArchive])).rejects.toThrow(`${noArchive} was not imported`);
    expect(await leftoversOf('broken')).toEqual([]);
  });

  it('refuses an archive that does not exist before anything is started', async () => {
    await expect(start('absent', ['/nonexistent/image.tar'])).rejects.toThrow(/ENOENT/);
    expect(await leftoversOf('absent')).toEqual([]);
  });

  it('leads pods to the API server without kube-proxy, and tells DNS at the node', async () => {
    const cluster = await startRealNode({
      ...{ name: 'lean', images: [image], kubeProxy: false, metricsServer: false },
    });
    open.push(cluster);
    await createSample(cluster, { name: 'web', replicas: 1 });
    const [pod] = await readyPods(cluster, 'web', 1);
    const answer = await ask(`${pod?.status.podIP}:8080`, '/api?path=/version');
    expect(answer).toMatch(/^200 /);
    expect(answer).toContain('v1.37.2');
    expect(cluster.dnsIp).toBe(cluster.nodeIp);
    expect(() => cluster.component('kube-proxy')).toThrow('no part of this control plane');
  });
});
