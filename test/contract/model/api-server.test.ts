// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ApiRequest } from '../../../src/domain/cluster.ts';
import { ModelApiServer, type ModelObject } from '../../model/api-server.ts';
import { BUDGETS } from '../../model/shop.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';
import { CONTAINER, ModelWorkload } from '../../model/workload.ts';

const MAPS = { group: '', version: 'v1', resource: 'configmaps', namespace: 'shop' } as const;
const PODS = { group: '', version: 'v1', resource: 'pods', namespace: 'shop' } as const;

const world = () => {
  const clock = new VirtualClock();
  const server = new ModelApiServer(clock);
  const send = (request: ApiRequest) => server.handle('test', request);
  const create = (name: string, spec: unknown = {}) =>
    send({ verb: 'create', ...MAPS, body: { metadata: { name }, spec } });
  return { clock, server, send, create };
};

const bodyOf = (reply: { kind: string; body?: unknown }): ModelObject => reply.body as ModelObject;

const eviction = (name: string, preconditions: object, dryRun = false): ApiRequest => ({
  verb: 'create',
  ...PODS,
  name,
  subresource: 'eviction',
  dryRun,
  body: { apiVersion: 'policy/v1', kind: 'Eviction', deleteOptions: { preconditions } },
});

describe('objects', () => {
  it('get a uid, a version and a time, and lose their status when created', () => {
    const { send } = world();
    const body = { metadata: { name: 'a', uid: 'mine' }, spec: 1, status: 2 };
    const created = bodyOf(send({ verb: 'create', ...MAPS, body }));
    expect(created.metadata.uid).not.toBe('mine');
    expect(created.metadata).toMatchObject({
      generation: 1,
      namespace: 'shop',
      creationTimestamp: '2026-03-01T12:00:00Z',
    });
    expect(created.status).toBeUndefined();
  });

  it('are not created twice, and not at all by a dry run', () => {
    const { send, create, server } = world();
    send({ verb: 'create', ...MAPS, dryRun: true, body: { metadata: { name: 'a' } } });
    expect(server.all(MAPS)).toEqual([]);
    create('a');
    expect(create('a')).toMatchObject({ kind: 'refused', status: 409, reason: 'AlreadyExists' });
  });

  it('get a new version with each change, and a new generation with each change of the spec', () => {
    const { send, create } = world();
    const first = bodyOf(create('a', { x: 1 }));
    const patch = (body: object): ModelObject =>
      bodyOf(send({ verb: 'patch', ...MAPS, name: 'a', patchType: 'merge', body }));
    const labelled = patch({ metadata: { labels: { l: '1' } } });
    expect(labelled.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
    expect(labelled.metadata.generation).toBe(1);
    expect(patch({ spec: { x: 2 } }).metadata.generation).toBe(2);
    const same = patch({ spec: { x: 2 } });
    expect(same.metadata.resourceVersion).toBe(patch({ spec: { x: 2 } }).metadata.resourceVersion);
    expect(patch({ spec: { x: null } }).spec).toEqual({});
  });

  it('are guarded by resourceVersion and uid in a merge patch', () => {
    const { send, create } = world();
    const { uid, resourceVersion } = bodyOf(create('a')).metadata;
    const patch = (metadata: object) =>
      send({ verb: 'patch', ...MAPS, name: 'a', patchType: 'merge', body: { metadata } });
    expect(patch({ resourceVersion: '1' })).toMatchObject({ status: 409, reason: 'Conflict' });
    expect(patch({ uid: 'other' })).toMatchObject({ status: 409 });
    expect(patch({ uid, resourceVersion, labels: { a: 'b' } }).kind).toBe('ok');
    expect(patch({ resourceVersion, labels: { a: 'c' } })).toMatchObject({ status: 409 });
  });

  it('take a JSON patch, and answer a failed test with 422', () => {
    const { send, create } = world();
    create('a', { list: [1, 3], 'a/b': 1 });
    const patch = (body: readonly object[]) =>
      send({ verb: 'patch', ...MAPS, name: 'a', patchType: 'json', body });
    const test = { op: 'test', path: '/metadata/name', value: 'a' };
    const patched = patch([
      test,
      { op: 'add', path: '/spec/list/1', value: 2 },
      { op: 'add', path: '/spec/list/-', value: 4 },
      { op: 'replace', path: '/spec/a~1b', value: 2 },
    ]);
    expect(bodyOf(patched).spec).toEqual({ list: [1, 2, 3, 4], 'a/b': 2 });
    expect(patch([{ ...test, value: 'b' }])).toMatchObject({ status: 422 });
  });

  it('change their status through the subresource only', () => {
    const { send, create } = world();
    create('a', { x: 1 });
    const body = { spec: { x: 9 }, status: { y: 1 } };
    const request = { verb: 'patch', ...MAPS, name: 'a', patchType: 'merge', body } as const;
    const status = bodyOf(send({ ...request, subresource: 'status' }));
    expect([status.spec, status.status]).toEqual([{ x: 1 }, { y: 1 }]);
    const main = bodyOf(send({ ...request, body: { ...body, status: { y: 2 } } }));
    expect([main.spec, main.status]).toEqual([{ x: 9 }, { y: 1 }]);
  });

  it('are made by an apply that finds none, and deleted under preconditions', () => {
    const { send, server } = world();
    const body = { metadata: { name: 'a' }, spec: 1 };
    send({ verb: 'patch', ...MAPS, name: 'a', patchType: 'apply', body });
    expect(server.all(MAPS)).toHaveLength(1);
    const remove = (preconditions: object) =>
      send({ verb: 'delete', ...MAPS, name: 'a', body: { preconditions } });
    expect(remove({ uid: 'x' })).toMatchObject({ status: 409 });
    expect(remove({}).kind).toBe('ok');
    expect(remove({})).toMatchObject({ status: 404 });
  });
});

describe('an eviction', () => {
  const shop = () => {
    const { clock, server, send } = world();
    const options = { kind: 'Deployment', namespace: 'shop', name: 'web', replicas: 2 } as const;
    const web = new ModelWorkload(server, clock, options);
    const [pod] = web.pods();
    const { name, uid, resourceVersion } = pod!.metadata;
    return { clock, server, send, web, name, uid, resourceVersion };
  };

  it('ends the pod after its grace period, and the owner replaces it', async () => {
    const { clock, send, web, name, uid, resourceVersion } = shop();
    expect(send(eviction(name, { uid, resourceVersion })).kind).toBe('ok');
    await clock.advance(600);
    expect(web.pods().map(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([
      true,
      false,
      false,
    ]);
    await clock.advance(3_000);
    expect(web.pods()).toHaveLength(2);
    expect(web.pods().some(({ metadata }) => metadata.uid === uid)).toBe(false);
    expect(web.pods().every(({ status }) => status.conditions[0].status === 'True')).toBe(true);
  });

  it('is refused for another uid or version, and changes nothing as a dry run', () => {
    const { send, server, name, uid, resourceVersion } = shop();
    expect(send(eviction(name, { uid: 'x', resourceVersion }))).toMatchObject({ status: 409 });
    expect(send(eviction(name, { uid, resourceVersion: '1' }))).toMatchObject({ status: 409 });
    expect(send(eviction(name, { uid, resourceVersion }, true)).kind).toBe('ok');
    expect(server.find(PODS, { namespace: 'shop', name })?.metadata.resourceVersion).toBe(
      resourceVersion,
    );
  });

  it('meets a PodDisruptionBudget with 429, and two of them with 500', () => {
    const { send, server, name, uid } = shop();
    const budget = (budgetName: string) =>
      server.put(BUDGETS, {
        metadata: { name: budgetName, namespace: 'shop' },
        spec: { selector: { matchLabels: { app: 'web' } } },
        status: { disruptionsAllowed: 0 },
      });
    budget('one');
    expect(send(eviction(name, { uid }, true))).toMatchObject({ status: 429 });
    budget('two');
    expect(send(eviction(name, { uid }))).toMatchObject({ status: 500 });
  });
});

describe('ModelWorkload', () => {
  it('makes a StatefulSet pod again under its name, after the old one is gone', async () => {
    const { clock, server, send } = world();
    const options = { kind: 'StatefulSet', namespace: 'shop', name: 'db', replicas: 2 } as const;
    const db = new ModelWorkload(server, clock, options);
    const { uid } = db.pods()[0]!.metadata;
    send(eviction('db-0', { uid }));
    await clock.advance(900);
    expect(db.pods()).toHaveLength(2);
    await clock.advance(3_100);
    const replacement = server.find(PODS, { namespace: 'shop', name: 'db-0' });
    expect(replacement?.metadata.uid).not.toBe(uid);
  });

  it('kills a container that passes its limit, and publishes its memory', async () => {
    const { clock, server } = world();
    const web = new ModelWorkload(server, clock, {
      kind: 'Deployment',
      namespace: 'shop',
      name: 'web',
      replicas: 1,
      memoryLimitBytes: 1_000,
      memoryBytes: ({ ageMs }) => ageMs / 10,
    });
    await clock.advance(9_000);
    web.killForMemory();
    web.publishMetrics();
    const metrics = { group: 'metrics.k8s.io', resource: 'pods' };
    expect(server.all(metrics)[0]).toMatchObject({
      timestamp: '2026-03-01T12:00:09Z',
      containers: [{ name: CONTAINER, usage: { memory: '900' } }],
    });
    expect(web.pods()[0]?.status.containerStatuses[0].restartCount).toBe(0);
    await clock.advance(2_000);
    web.killForMemory();
    expect(web.pods()[0]?.status.containerStatuses[0]).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { reason: 'OOMKilled' } },
    });
    expect(web.memoryBytes(web.pods()[0]!)).toBe(0);
  });
});
