// SPDX-License-Identifier: Apache-2.0
// One control plane for all behaviours that leave it whole.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBinaries } from '../toolchain/ensure-binaries.ts';
import type { ControlPlane } from './control-plane.ts';
import { requireContext } from './existing-cluster.ts';
import { startControlPlane } from './start-control-plane.ts';

let cluster: ControlPlane;
const lines: string[] = [];
beforeAll(async () => {
  cluster = await startControlPlane({ onProgress: (line) => lines.push(line) });
}, 20 * 60_000);
afterAll(() => cluster?.stop());

const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'main', image: 'none' }] },
});
const PODS = '/api/v1/namespaces/default/pods';

describe('startControlPlane', () => {
  it('reports the time of each component', () => {
    const names = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
    expect(Object.keys(cluster.timings).toSorted()).toEqual(names);
    for (const name of names) {
      expect(lines.some((line) => line.startsWith(name) && /ready after \d+ ms/.test(line))).toBe(
        true,
      );
    }
  });

  it('serves the version that it was built from', async () => {
    const { status, body } = await cluster.request<{ gitVersion: string }>('GET', '/version');
    expect(status).toBe(200);
    expect(body.gitVersion).toBe('v1.37.2');
  });

  it('lets kubectl work as the administrator', async () => {
    const { stdout, code } = await cluster.kubectl(['auth', 'can-i', '*', '*']);
    expect(code).toBe(0);
    expect(stdout.trim()).toBe('yes');
  });

  it('returns the exit code of kubectl and what it says', async () => {
    const { stderr, code } = await cluster.kubectl(['apply', '-f', '-'], {
      input: 'kind: Nonsense',
    });
    expect(code).toBe(1);
    expect(stderr).toContain('apiVersion not set');
  });
});

describe('kubeconfigFor', () => {
  it('makes a ServiceAccount client that is refused, then allowed after a RoleBinding', async () => {
    await cluster.kubectl(['create', 'serviceaccount', 'reader']);
    const kubeconfig = await cluster.kubeconfigFor({
      serviceAccount: { namespace: 'default', name: 'reader' },
    });
    const refused = await cluster.request('GET', PODS, undefined, { kubeconfig });
    expect(refused.status).toBe(403);
    const role = ['create', 'role', 'read-pods', '--verb=list', '--resource=pods'];
    expect((await cluster.kubectl(role)).code).toBe(0);
    const binding = ['rolebinding', 'read-pods', '--role=read-pods'];
    await cluster.kubectl(['create', ...binding, '--serviceaccount=default:reader']);
    await cluster.waitFor('the role is in force', async () => {
      const { status } = await cluster.request('GET', PODS, undefined, { kubeconfig });
      return status === 200;
    });
  });

  it('makes a client for a user with groups', async () => {
    const kubeconfig = await cluster.kubeconfigFor({ user: 'o/jane+x', groups: ['team a', 'b'] });
    const { stdout } = await cluster.kubectl(['auth', 'whoami', '-o', 'json'], { kubeconfig });
    expect(JSON.parse(stdout).status.userInfo).toMatchObject({
      username: 'o/jane+x',
      groups: ['team a', 'b', 'system:authenticated'],
    });
  });

  it('says so when the ServiceAccount does not exist', async () => {
    const identity = { serviceAccount: { namespace: 'default', name: 'absent' } };
    await expect(cluster.kubeconfigFor(identity)).rejects.toThrow(/default\/absent: 404/);
  });
});

describe('audit', () => {
  it('has the line of an eviction before the client has its answer', async () => {
    await cluster.request('POST', PODS, pod('victim'));
    const eviction = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'victim', namespace: 'default' },
    };
    const path = `${PODS}/victim/eviction`;
    const dry = await cluster.request('POST', `${path}?dryRun=All`, eviction);
    const real = await cluster.request('POST', path, eviction);
    const seen = (await cluster.audit.read()).filter(
      ({ objectRef }) => objectRef?.name === 'victim' && objectRef.subresource === 'eviction',
    );
    expect([dry.status, real.status]).toEqual([201, 201]);
    expect(seen.map(({ requestURI }) => requestURI)).toEqual([`${path}?dryRun=All`, path]);
    expect(seen[1]).toMatchObject({
      verb: 'create',
      user: { username: 'kubernetes-admin' },
      requestObject: { kind: 'Eviction' },
      responseStatus: { code: 201 },
    });
  });

  it('has no line of a read', async () => {
    await cluster.request('GET', PODS);
    const verbs = new Set((await cluster.audit.read()).map(({ verb }) => verb));
    expect(verbs).not.toContain('get');
    expect(verbs).not.toContain('list');
  });
});

describe('requireContext', () => {
  it('accepts a context of the kubeconfig and names those that are there otherwise', async () => {
    const { kubectl } = await ensureBinaries(['kubectl']);
    const kubeconfig = cluster.kubeconfigPath;
    await requireContext(kubectl, { context: cluster.name, kubeconfig });
    await expect(requireContext(kubectl, { context: 'prod', kubeconfig })).rejects.toThrow(
      /"prod" is not among: test/,
    );
  });
});

describe('component', () => {
  it('answers nothing while paused and goes on when resumed', async () => {
    const api = cluster.component('kube-apiserver');
    const { pid } = api;
    api.pause();
    const asked = cluster.request('GET', '/readyz', undefined, { deadlineMs: 1000 });
    await expect(asked).rejects.toThrow(/no answer/);
    api.resume();
    await cluster.waitFor('the API server answers again', () => api.isReady());
    expect(api.pid).toBe(pid);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'keeps the data when restarted by %s',
    async (signal) => {
      const name = `kept-${signal.toLowerCase()}`;
      const maps = '/api/v1/namespaces/default/configmaps';
      await cluster.request('POST', maps, { metadata: { name }, data: { a: '1' } });
      const api = cluster.component('kube-apiserver');
      const { pid } = api;
      await api.restart(signal);
      expect(api.pid).not.toBe(pid);
      const { status, body } = await cluster.request('GET', `${maps}/${name}`);
      expect(status).toBe(200);
      expect(body).toMatchObject({ data: { a: '1' } });
    },
  );

  it('stops one that is paused', async () => {
    const scheduler = cluster.component('kube-scheduler');
    scheduler.pause();
    await scheduler.stop();
    expect(scheduler.pid).toBeUndefined();
    expect(await scheduler.isReady()).toBe(false);
    await scheduler.start();
    expect(await scheduler.isReady()).toBe(true);
  });

  it('refuses a name that was not started', () => {
    expect(() => cluster.component('kwok')).toThrow(/no part/);
  });
});
