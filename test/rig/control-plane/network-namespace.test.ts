// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../toolchain/run-command.ts';
import type { ControlPlane } from './control-plane.ts';
import { startControlPlane } from './start-control-plane.ts';

const netns = `homeostat-${process.pid}`;
const added = await runCommand('ip', ['netns', 'add', netns]);
const reason =
  added.code === 0
    ? ''
    : `network namespaces need Linux, root and iproute2: ${added.stderr.trim()}`;
if (reason !== '') console.warn(reason);

let cluster: ControlPlane | undefined;
afterAll(async () => {
  await cluster?.stop();
  await runCommand('ip', ['netns', 'delete', netns]);
});

describe.skipIf(reason !== '')(`startControlPlane with \`netns\` ${reason}`, () => {
  it('runs inside the namespace and is reached from outside', async () => {
    await runCommand('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
    cluster = await startControlPlane({ name: 'netns', netns, kwok: true });
    expect(await cluster.addKwokNodes(1)).toEqual(['kwok-0']);
    const { code } = await cluster.kubectl(['get', 'nodes', 'kwok-0']);
    expect(code).toBe(0);
    expect(cluster.serverInside).not.toBe(cluster.server);
  });

  it('listens in no other namespace', async () => {
    const port = Number(new URL(cluster?.serverInside ?? '').port);
    const listening = (await readFile('/proc/net/tcp', 'utf8'))
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state]) => state === '0A')
      .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
    expect(listening).not.toContain(port);
  });

  it('is reached on the same port after a restart', async () => {
    const api = cluster?.component('kube-apiserver');
    await api?.restart('SIGKILL');
    expect(await api?.isReady()).toBe(true);
  });
});
