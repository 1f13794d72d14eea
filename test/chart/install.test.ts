// SPDX-License-Identifier: Apache-2.0
// The chart on a real control plane: what is installed, what the account may do, what an upgrade keeps
// and what stays when it is removed. No node is there, so no pod runs.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EPOCH_ANNOTATION } from '../../src/kube/lease-record.ts';
import { rbac } from '../../src/rbac.ts';
import type { ControlPlane } from '../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../rig/control-plane/start-control-plane.ts';
import { inventory } from './cluster-inventory.ts';
import { linesOf, rightsOf } from './granted-rules.ts';
import { CHART, helm, mustHelm, NAMESPACE } from './helm.ts';

let cluster: ControlPlane;
beforeAll(async () => {
  cluster = await startControlPlane({ name: 'chart' });
});
afterAll(() => cluster?.stop());

const kubectl = async (args: readonly string[], input = ''): Promise<string> => {
  const { code, stdout, stderr } = await cluster.kubectl(args, { input });
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${stderr}`);
  return stdout;
};

const installed = (command: 'install' | 'upgrade', ...args: readonly string[]): Promise<string> =>
  mustHelm([command, 'homeostat', CHART, '-n', NAMESPACE, ...args], cluster.kubeconfigPath);

const policy = {
  apiVersion: 'homeostat.dev/v1alpha1',
  kind: 'HealingPolicy',
  metadata: { name: 'leaks', namespace: 'shop' },
  spec: {
    targets: [{ name: 'web', kind: 'Deployment', resourceName: 'web' }],
    triggers: [{ name: 'leak', detector: { type: 'MemoryLeak' } }],
    actions: [{ name: 'restart', restart: {} }],
  },
};

const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/homeostat`;

interface Lease {
  readonly metadata: { readonly uid: string; readonly annotations?: Record<string, string> };
  readonly spec: Readonly<Record<string, unknown>>;
}

const lease = async (): Promise<Lease> => (await cluster.request<Lease>('GET', LEASE)).body;

/** Writes the Lease as a leader does. */
const holdLease = (holder: string) =>
  cluster.request(
    'PATCH',
    LEASE,
    {
      metadata: { annotations: { [EPOCH_ANNOTATION]: '7' } },
      spec: { holderIdentity: holder, leaseDurationSeconds: 15, leaseTransitions: 3 },
    },
    { contentType: 'application/merge-patch+json' },
  );

const uidOf = (kind: string, name: string): Promise<string> =>
  kubectl(['get', kind, name, '-n', 'shop', '-o', 'jsonpath={.metadata.uid}']);

describe('helm', () => {
  let before: readonly string[];

  beforeAll(async () => {
    for (const name of [NAMESPACE, 'shop', 'billing']) await kubectl(['create', 'namespace', name]);
    await cluster.waitFor('the namespaces are furnished', async () => {
      const made = (await inventory(cluster)).filter((line) =>
        /\/(default|kube-root-ca.crt)$/.test(line),
      );
      return [NAMESPACE, 'shop', 'billing'].every(
        (name) => made.filter((line) => line.includes(` ${name}/`)).length === 2,
      );
    });
    before = await inventory(cluster);
  });

  it('installs, and tells what comes next', async () => {
    const notes = await installed('install');
    expect(notes).toContain('homeostat.homeostat-system:4317');
    expect(notes).toContain('It watches every namespace');
  });

  it('grants the account the calls that the operator makes, and no other', async () => {
    const account = { namespace: NAMESPACE, name: 'homeostat' };
    const everywhere = [...rbac.watched, ...rbac.cluster];
    expect(await rightsOf(cluster, account, 'shop')).toEqual(linesOf(everywhere, 'homeostat'));
    expect(await rightsOf(cluster, account, NAMESPACE)).toEqual(
      linesOf([...everywhere, ...rbac.own], 'homeostat'),
    );
  });

  it.each([
    ['get', 'secrets', 'shop'],
    ['patch', 'pods', 'shop'],
    ['delete', 'pods', 'shop'],
    ['patch', 'healingactions.homeostat.dev', 'shop'],
    ['patch', 'healingpolicies.homeostat.dev', 'shop'],
    ['create', 'leases.coordination.k8s.io', NAMESPACE],
    ['patch', 'leases.coordination.k8s.io/another', NAMESPACE],
    ['*', '*', 'shop'],
  ])('does not let the account %s %s', async (verb, resource, namespace) => {
    const who = `--as=system:serviceaccount:${NAMESPACE}:homeostat`;
    const { stdout } = await cluster.kubectl([
      'auth',
      'can-i',
      verb,
      resource,
      '-n',
      namespace,
      who,
    ]);
    expect(stdout.trim()).toBe('no');
  });

  it('lets the account watch its own Lease, as the election does, and no other', async () => {
    const account = { serviceAccount: { namespace: NAMESPACE, name: 'homeostat' } };
    const kubeconfig = await cluster.kubeconfigFor(account);
    const watch = async (name: string): Promise<number> => {
      const query = `watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3D${name}`;
      const path = `${LEASE.replace(/\/homeostat$/, '')}?${query}`;
      return (await cluster.request('GET', path, undefined, { kubeconfig })).status;
    };
    expect(await watch('another')).toBe(403);
    expect(await watch('homeostat')).toBe(200);
  });

  it('lets users who may edit write policies, and nobody but the operator write records', async () => {
    await kubectl([
      'create',
      'rolebinding',
      'jane',
      '--clusterrole=edit',
      '--user=jane',
      '-n',
      'shop',
    ]);
    const may = async (verb: string, kind: string): Promise<string> => {
      const args = ['auth', 'can-i', verb, `${kind}.homeostat.dev`, '-n', 'shop', '--as=jane'];
      return (await cluster.kubectl(args)).stdout.trim();
    };
    await cluster.waitFor(
      'the roles are aggregated',
      async () => (await may('create', 'healingpolicies')) === 'yes',
    );
    expect(await may('list', 'healingactions')).toBe('yes');
    expect(await may('delete', 'healingactions')).toBe('no');
    expect(await may('create', 'healingactions')).toBe('no');
    expect(await may('update', 'incidents')).toBe('no');
    await kubectl(['delete', 'rolebinding', 'jane', '-n', 'shop']);
  });

  it('keeps policies, the Lease and its epoch over an upgrade', async () => {
    await kubectl(['apply', '-f', '-'], JSON.stringify(policy));
    expect((await holdLease('pod-a')).status).toBe(200);
    const [uid, held] = [await uidOf('healingpolicy', 'leaks'), await lease()];
    const notes = await installed('upgrade', '--set', 'logLevel=debug,lease.duration=20s');
    expect(notes).toContain('Homeostat');
    expect(await uidOf('healingpolicy', 'leaks')).toBe(uid);
    const kept = await lease();
    expect(kept.metadata.uid).toBe(held.metadata.uid);
    expect(kept.metadata.annotations?.[EPOCH_ANNOTATION]).toBe('7');
    expect(kept.spec).toEqual(held.spec);
    const args = ['get', 'deployment', 'homeostat', '-n', NAMESPACE];
    const flags = await kubectl([
      ...args,
      '-o',
      'jsonpath={.spec.template.spec.containers[0].args}',
    ]);
    expect(flags).toContain('--lease-duration=20s');
  });

  it('brings a changed CustomResourceDefinition back to what it ships', async () => {
    const name = 'healingpolicies.homeostat.dev';
    const shortNames = ['get', 'crd', name, '-o', 'jsonpath={.spec.names.shortNames}'];
    const shipped = await kubectl(shortNames);
    const change = '[{"op":"replace","path":"/spec/names/shortNames","value":["old"]}]';
    await kubectl(['patch', 'crd', name, '--type=json', '-p', change]);
    await installed('upgrade', '--force-conflicts', '--server-side=true');
    expect(await kubectl(shortNames)).toBe(shipped);
    expect(await uidOf('healingpolicy', 'leaks')).not.toBe('');
  });

  it('grants rights on workloads only in the watched namespaces when they are named', async () => {
    await installed('upgrade', '--set', 'watchNamespaces={shop}');
    const account = { namespace: NAMESPACE, name: 'homeostat' };
    const named = linesOf([...rbac.watched, ...rbac.cluster], 'homeostat');
    await cluster.waitFor(
      'the rights are in force',
      async () =>
        (await rightsOf(cluster, account, 'billing')).join() ===
        linesOf(rbac.cluster, 'homeostat').join(),
    );
    expect(await rightsOf(cluster, account, 'shop')).toEqual(named);
    expect(await rightsOf(cluster, account, NAMESPACE)).toEqual(
      linesOf([...rbac.cluster, ...rbac.own], 'homeostat'),
    );
  });

  it('leaves CustomResourceDefinitions and custom resources when removed, and nothing else', async () => {
    await mustHelm(['uninstall', 'homeostat', '-n', NAMESPACE], cluster.kubeconfigPath);
    const kept = ['healingactions', 'healingpolicies', 'incidents'].map(
      (plural) => `apiextensions.k8s.io/v1 CustomResourceDefinition /${plural}.homeostat.dev`,
    );
    const expected = [
      ...before,
      ...kept,
      // Made by the API server for each group that has definitions.
      'apiregistration.k8s.io/v1 APIService /v1alpha1.homeostat.dev',
      'homeostat.dev/v1alpha1 HealingPolicy shop/leaks',
    ];
    let left: readonly string[] = [];
    await cluster.waitFor('the garbage is collected', async () => {
      left = await inventory(cluster);
      return left.length <= expected.length;
    });
    expect(left).toEqual(expected.toSorted());
  });

  it('installs again over what it left', async () => {
    await installed('install');
    expect(await uidOf('healingpolicy', 'leaks')).not.toBe('');
    await mustHelm(['uninstall', 'homeostat', '-n', NAMESPACE], cluster.kubeconfigPath);
  });

  it('refuses a second installation that would own the same definitions, unless told', async () => {
    await installed('install');
    const second = ['install', 'homeostat-two', CHART, '-n', 'shop'];
    const { code, stderr } = await helm(second, cluster.kubeconfigPath);
    expect(code).not.toBe(0);
    expect(stderr).toContain('healingactions.homeostat.dev');
    const apart = ['--set', 'crds.enabled=false,watchNamespaces={shop}'];
    await mustHelm([...second, ...apart], cluster.kubeconfigPath);
    await mustHelm(['uninstall', 'homeostat-two', '-n', 'shop'], cluster.kubeconfigPath);
    await mustHelm(['uninstall', 'homeostat', '-n', NAMESPACE], cluster.kubeconfigPath);
  });
});

describe('kubectl apply -k manifests/', () => {
  const manifests = join(import.meta.dirname, '../../manifests');
  let other: ControlPlane;
  beforeAll(async () => {
    other = await startControlPlane({ name: 'manifests' });
  });
  afterAll(() => other?.stop());

  const apply = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await other.kubectl(['apply', '-k', manifests, ...args]);
    expect(code, stderr).toBe(0);
    return stdout;
  };

  it('installs everything on an empty cluster, in a namespace that enforces restricted', async () => {
    await apply();
    const { stdout } = await other.kubectl(['get', 'namespace', NAMESPACE, '-o', 'json']);
    expect(JSON.parse(stdout).metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
    await other.waitFor('the pods are admitted', async () => {
      const args = ['get', 'pods', '-n', NAMESPACE, '-o', 'name'];
      return (await other.kubectl(args)).stdout.trim().split('\n').length === 2;
    });
  });

  it('grants the same rights as the chart', async () => {
    const account = { namespace: NAMESPACE, name: 'homeostat' };
    const all = [...rbac.watched, ...rbac.cluster, ...rbac.own];
    expect(await rightsOf(other, account, NAMESPACE)).toEqual(linesOf(all, 'homeostat'));
  });

  it('changes nothing when applied again, and leaves a held Lease alone', async () => {
    const spec = { holderIdentity: 'pod-a', leaseDurationSeconds: 15 };
    const contentType = 'application/merge-patch+json';
    await other.request('PATCH', LEASE, { spec }, { contentType });
    const lines = (await apply()).trim().split('\n');
    // kubectl replaces the selector of a disruption budget at each apply, by the same.
    const budget = 'poddisruptionbudget.policy/homeostat configured';
    expect(lines.filter((line) => !line.endsWith(' unchanged') && line !== budget)).toEqual([]);
    const { body } = await other.request<Lease>('GET', LEASE);
    expect(body.spec).toMatchObject(spec);
  });
});
