// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import type { ControlPlane } from './control-plane.ts';
import { startControlPlane } from './start-control-plane.ts';

const running: ControlPlane[] = [];
afterAll(async () => {
  await Promise.all(running.map((cluster) => cluster.stop()));
});

it('starts several control planes at once that know nothing of each other', async () => {
  const started = await Promise.all(
    ['one', 'two'].map((name) =>
      startControlPlane({ name, components: ['etcd', 'kube-apiserver'] }),
    ),
  );
  running.push(...started);
  const [one, two] = started as [ControlPlane, ControlPlane];
  expect(one.server).not.toBe(two.server);
  await one.request('POST', '/api/v1/namespaces', { metadata: { name: 'only-in-one' } });
  expect((await one.request('GET', '/api/v1/namespaces/only-in-one')).status).toBe(200);
  expect((await two.request('GET', '/api/v1/namespaces/only-in-one')).status).toBe(404);
});

it('refuses the credentials of the other one', async () => {
  const [one, two] = running as [ControlPlane, ControlPlane];
  const kubeconfig = one.kubeconfigPath;
  const { code, stderr } = await two.kubectl(['get', 'ns', `--server=${two.server}`], {
    kubeconfig,
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/certificate/);
});

it('removes its folder and its processes when stopped, also when stopped twice', async () => {
  const [one] = running as [ControlPlane];
  const pids = ['etcd', 'kube-apiserver'].map(
    (name) => one.component(name as 'etcd' | 'kube-apiserver').pid ?? 0,
  );
  await Promise.all([one.stop(), one.stop()]);
  expect(existsSync(one.dir)).toBe(false);
  for (const pid of pids) expect(existsSync(`/proc/${pid}/cmdline`)).toBe(false);
});
