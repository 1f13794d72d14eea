// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { GatheredFacts } from '../../../src/api/gathered-facts.ts';
import type { ApiRequest } from '../../../src/domain/cluster.ts';
import { actionById } from '../../../src/execute/actions/index.ts';
import { gather } from '../../../src/execute/gather.ts';
import type { ExecutionPorts } from '../../../src/execute/ports.ts';
import { judge } from '../../../src/plan/judge.ts';
import { type FaultPlan, FaultPort } from '../../model/fault-port.ts';
import { ModelLeadership } from '../../model/lease.ts';
import { Shop, type ShopOptions } from '../../model/shop.ts';
import { ModelWorkload } from '../../model/workload.ts';

const POLICIES = { group: 'homeostat.dev', resource: 'healingpolicies' } as const;
const PODS = { group: '', resource: 'pods' } as const;
const OPTIONS = {
  operatorNamespace: 'homeostat-system',
  operatorMaxMode: 'Auto',
  writeDeadlineMs: 3_000,
} as const;

const read = async (
  world: Shop,
  changes: { readonly plan?: FaultPlan; readonly ports?: Partial<ExecutionPorts> } = {},
): Promise<GatheredFacts> => {
  const ports: ExecutionPorts = {
    cluster: new FaultPort(world.server.portFor('operator'), changes.plan),
    analysis: world.analysis,
    clock: world.clock,
    leadership: new ModelLeadership(world.clock, 'operator', 1),
    metrics: world.metrics,
    judge,
    ...changes.ports,
  };
  const question = { plan: world.plan(), recordName: null, action: actionById('restart') };
  return (await gather(question, ports, OPTIONS)).facts;
};

const valueOfFact = <K extends keyof GatheredFacts>(facts: GatheredFacts, key: K): unknown => {
  const fact = facts[key] as { kind?: string; value?: unknown };
  return fact.kind === 'known' ? fact.value : fact.kind;
};

const open = (options: ShopOptions = {}): Promise<Shop> => Shop.open(options);

describe('gather', () => {
  it('knows everything of a calm world', async () => {
    const facts = await read(await open());
    expect(valueOfFact(facts, 'target')).toMatchObject({ name: 'web-5d9c7b-00001', ready: true });
    expect(valueOfFact(facts, 'workload')).toMatchObject({
      ref: { kind: 'Deployment', name: 'web' },
      desiredReplicas: 3,
      readyReplicas: 3,
    });
    expect(valueOfFact(facts, 'peers')).toHaveLength(3);
    expect(valueOfFact(facts, 'population')).toEqual({ total: 3, healthy: 3 });
    expect(valueOfFact(facts, 'records')).toEqual([]);
    expect(valueOfFact(facts, 'rivals')).toEqual([]);
    expect(valueOfFact(facts, 'stormEndedAtMs')).toBeNull();
    expect(valueOfFact(facts, 'predicted')).toEqual([
      { readyReplicas: 2, desiredReplicas: 3 },
      { readyReplicas: 3, desiredReplicas: 3 },
    ]);
    expect(valueOfFact(facts, 'leadership')).toEqual({ mayWrite: true });
    expect(valueOfFact(facts, 'namespace')).toMatchObject({ name: 'shop' });
  });

  it('walks from a pod of a StatefulSet to its owner', async () => {
    const facts = await read(await open({ workload: { kind: 'StatefulSet' } }));
    expect(valueOfFact(facts, 'workload')).toMatchObject({ ref: { kind: 'StatefulSet' } });
    expect(valueOfFact(facts, 'peers')).toHaveLength(3);
  });

  const reads: readonly [
    string,
    Pick<ApiRequest, 'verb' | 'resource'>,
    readonly (keyof GatheredFacts)[],
  ][] = [
    [
      'the policy',
      { verb: 'get', resource: 'healingpolicies' },
      ['policy', 'population', 'stormEndedAtMs'],
    ],
    ['the namespace', { verb: 'get', resource: 'namespaces' }, ['namespace']],
    [
      'the target',
      { verb: 'get', resource: 'pods' },
      ['target', 'workload', 'predicted', 'rivals'],
    ],
    [
      'the ReplicaSet',
      { verb: 'get', resource: 'replicasets' },
      ['workload', 'predicted', 'rivals'],
    ],
    [
      'the Deployment',
      { verb: 'get', resource: 'deployments' },
      ['workload', 'predicted', 'rivals'],
    ],
    [
      'the pods',
      { verb: 'list', resource: 'pods' },
      ['peers', 'population', 'corroboration', 'predicted'],
    ],
    [
      'the ReplicaSets',
      { verb: 'list', resource: 'replicasets' },
      ['peers', 'population', 'corroboration', 'predicted'],
    ],
    ['the Deployments', { verb: 'list', resource: 'deployments' }, ['population']],
    ['the StatefulSets', { verb: 'list', resource: 'statefulsets' }, ['population']],
    ['the records', { verb: 'list', resource: 'healingactions' }, ['records', 'population']],
    ['the policies', { verb: 'list', resource: 'healingpolicies' }, ['rivals']],
  ];

  it.each(reads)(
    'does not know what depends on %s when that cannot be read',
    async (_, which, lost) => {
      const world = await open();
      const faults = [
        { kind: 'dropped' },
        { kind: 'refuse', status: 500 },
        { kind: 'refuse', status: 403 },
      ] as const;
      for (const fault of faults) {
        const plan: FaultPlan = ({ request }) =>
          request.verb === which.verb && request.resource === which.resource ? fault : null;
        const facts = await read(world, { plan });
        const all = Object.entries(facts).filter(
          ([, fact]) => (fact as { kind?: string } | null)?.kind === 'unknown',
        );
        expect(all.map(([name]) => name).toSorted()).toEqual([...lost].toSorted());
        // And what is not known never lets a plan pass.
        expect(judge.decide({ ...facts, rehearsal: null }).kind).not.toBe('Pass');
      }
    },
  );

  it('says that a target is gone, which is not the same as unknown', async () => {
    const world = await open();
    world.server.remove(PODS, { namespace: 'shop', name: world.target.metadata.name });
    const facts = await read(world);
    expect(valueOfFact(facts, 'target')).toBeNull();
    expect(valueOfFact(facts, 'workload')).toMatchObject({ ref: { name: 'web' } });
  });

  it('knows no owner of a pod whose controller was made anew', async () => {
    const world = await open();
    const replicaSet = { group: 'apps', resource: 'replicasets' } as const;
    world.server.remove(replicaSet, { namespace: 'shop', name: 'web-5d9c7b' });
    world.server.put(replicaSet, { metadata: { name: 'web-5d9c7b', namespace: 'shop' } });
    expect(valueOfFact(await read(world), 'workload')).toBeNull();
  });

  it('counts the replicas of every workload of the policy, and neither ended nor foreign pods', async () => {
    const world = await open();
    const api = new ModelWorkload(world.server, world.clock, {
      kind: 'StatefulSet',
      namespace: 'shop',
      name: 'api',
      replicas: 2,
    });
    expect(valueOfFact(await read(world), 'population')).toEqual({ total: 3, healthy: 3 });
    world.server.update(POLICIES, { namespace: 'shop', name: 'web-leaks' }, (policy) => {
      policy.spec.targets.push({
        name: 'api',
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        selector: { matchLabels: { app: 'api' } },
      });
    });
    api.setReady('api-0', false);
    expect(valueOfFact(await read(world), 'population')).toEqual({ total: 5, healthy: 4 });
    world.server.update(PODS, { namespace: 'shop', name: 'api-1' }, (pod) => {
      pod.status.phase = 'Failed';
    });
    expect(valueOfFact(await read(world), 'population')).toEqual({ total: 5, healthy: 3 });
  });

  it('finds rivals that may act on the workload, and only those', async () => {
    const world = await open();
    const { spec } = world.server.find(POLICIES, { namespace: 'shop', name: 'web-leaks' }) ?? {};
    const rivals: readonly (readonly [string, object])[] = [
      ['active', { priority: 7 }],
      ['suspended', { suspend: true }],
      ['paused', { pauseRequests: ['me'] }],
      ['dry', { mode: 'DryRun' }],
      ['elsewhere', { targets: [{ ...spec.targets[0], resourceName: 'other' }] }],
      ['broken', { targets: [] }],
    ];
    for (const [name, changes] of rivals) {
      world.server.put(POLICIES, {
        metadata: { name, namespace: 'shop' },
        spec: { ...spec, ...changes },
      });
    }
    expect(valueOfFact(await read(world), 'rivals')).toMatchObject([
      { name: 'active', priority: 7 },
    ]);
  });

  it('does not know the policy when it was made anew under the same name', async () => {
    const world = await open();
    const place = { namespace: 'shop', name: 'web-leaks' };
    const spec: unknown = world.server.find(POLICIES, place)?.spec;
    world.server.remove(POLICIES, place);
    world.server.put(POLICIES, { metadata: place, spec });
    expect((await read(world)).policy.kind).toBe('unknown');
  });

  it('takes a storm that has not ended for one that ends now', async () => {
    const world = await open();
    const storm = { since: '2026-03-01T11:00:00Z' };
    const write = (value: object) =>
      world.server.update(POLICIES, { namespace: 'shop', name: 'web-leaks' }, (policy) => {
        policy.status = { storm: value };
      });
    write(storm);
    const facts = await read(world);
    expect(valueOfFact(facts, 'stormEndedAtMs')).toBe(facts.nowMs);
    write({ ...storm, until: '2026-03-01T11:30:00Z' });
    expect(valueOfFact(await read(world), 'stormEndedAtMs')).toBe(
      Date.parse('2026-03-01T11:30:00Z'),
    );
  });

  it('does not know the records when one of them cannot be read by this version', async () => {
    const world = await open();
    world.server.put(
      { group: 'homeostat.dev', resource: 'healingactions' },
      { metadata: { name: 'strange', namespace: 'shop' }, spec: { later: true } },
    );
    const { records } = await read(world);
    expect(records).toMatchObject({ kind: 'unknown' });
    expect((records as { missing: string }).missing).toContain('strange');
  });

  it('puts both sources side by side at the moments of the independent one', async () => {
    const facts = await read(await open());
    const { points, oomKilledAtMs } = valueOfFact(facts, 'corroboration') as {
      points: { timeMs: number; independentBytes: number; telemetryBytes: number }[];
      oomKilledAtMs: number | null;
    };
    expect(points.length).toBeGreaterThanOrEqual(10);
    expect(points.every((each) => each.independentBytes === each.telemetryBytes)).toBe(true);
    expect(oomKilledAtMs).toBeNull();
  });

  it('does not know the corroboration while metrics.k8s.io is silent or the worker is gone', async () => {
    const world = await open();
    const silent = await read(world, { ports: { metrics: { series: () => [] } } });
    expect(silent.corroboration.kind).toBe('unknown');
    const analysis = { query: () => Promise.reject(new Error('the worker is gone')) };
    expect((await read(world, { ports: { analysis } })).corroboration.kind).toBe('unknown');
  });

  it('knows of an OOM kill in the same template generation, of the same container', async () => {
    const world = await open();
    const [, peer] = world.web.pods();
    world.web.oomKill(peer!);
    const facts = await read(world, { ports: { metrics: { series: () => [] } } });
    expect(valueOfFact(facts, 'corroboration')).toMatchObject({
      oomKilledAtMs: world.clock.wallMs(),
    });
    world.server.update(PODS, { namespace: 'shop', name: peer!.metadata.name }, (pod) => {
      pod.metadata.labels = { app: 'web', 'pod-template-hash': 'another' };
    });
    const other = await read(world, { ports: { metrics: { series: () => [] } } });
    expect(other.corroboration.kind).toBe('unknown');
  });
});
