// SPDX-License-Identifier: Apache-2.0
// What the API server really answers to guarded writes. (D13, a dropped exec session, comes with the first use
// of exec: nothing here opens one.)
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/instrumentation/system-clock.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import {
  applyObject,
  createObject,
  deleteObject,
  evictPod,
  explainRefusal,
  getObject,
  jsonPatch,
  mergePatch,
  mergePatchStatus,
} from '../../../src/kube/apply.ts';
import { hasResource, serverVersion } from '../../../src/kube/discovery.ts';
import { inClusterEndpoint, kubeconfigEndpoint } from '../../../src/kube/kubeconfig.ts';
import { listObjects } from '../../../src/kube/list.ts';
import { BUILT_IN, type KubeObject, type ObjectState } from '../../../src/kube/resource.ts';
import { createTransport, type Transport } from '../../../src/kube/transport.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';
import { configMap, connect, connectAdmin, unscheduled } from './connect.ts';

const MAPS = BUILT_IN.configMaps;

let cluster: ControlPlane;
let transport: Transport;

beforeAll(async () => {
  cluster = await startControlPlane({ name: 'kube-writes' });
  transport = await connectAdmin(cluster);
  await createObject(transport, BUILT_IN.namespaces, { metadata: { name: 'writes' } });
}, 20 * 60_000);

afterAll(async () => {
  await transport?.close();
  await cluster?.stop();
});

const stateOf = ({ metadata }: KubeObject): ObjectState => ({
  namespace: metadata.namespace,
  name: metadata.name,
  uid: metadata.uid ?? '',
  resourceVersion: metadata.resourceVersion ?? '',
});

async function failure(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

const make = async (name: string): Promise<ObjectState> =>
  stateOf(await createObject(transport, MAPS, configMap('writes', name)));

describe('guarded writes on a real API server', () => {
  it('D12: 300 requests in a row over TLS use at most 2 connections', async () => {
    const { proxyBefore } = await import('./connect.ts');
    const proxy = await proxyBefore(cluster, 1);
    const through = connect(proxy.endpoint());
    for (let each = 0; each < 300; each += 1) await serverVersion(through);
    expect(proxy.connections()).toBeLessThanOrEqual(2);
    await through.close();
    await proxy.stop();
  });

  it('D11: a field that this program does not know survives a change', async () => {
    const path = '/api/v1/namespaces/writes/pods';
    const created = await createObject(transport, BUILT_IN.pods, {
      ...unscheduled('writes', 'unknown-fields'),
      spec: {
        schedulerName: 'nobody',
        priority: 0,
        containers: [
          {
            name: 'main',
            image: 'none',
            resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
          },
        ],
      },
    });
    const target = { type: BUILT_IN.pods, state: stateOf(created) };
    const changed = await jsonPatch(transport, target, [
      { op: 'add', path: '/metadata/labels', value: { seen: 'yes' } },
    ]);
    expect(changed['spec']).toEqual(created['spec']);
    const { body, text } = await transport.request({
      method: 'GET',
      path: `${path}/unknown-fields`,
    });
    expect(JSON.parse(text)).toEqual(body);
  });

  it('a failed test of a JSON patch is 422, and explainRefusal tells why', async () => {
    const stale = await make('patched');
    const target = { type: MAPS, state: stale };
    await jsonPatch(transport, target, [{ op: 'replace', path: '/data/value', value: '1' }]);
    const change = [{ op: 'replace', path: '/data/value', value: '2' }] as const;
    const error = await failure(jsonPatch(transport, target, change));
    expect(error.code).toBe(422);
    expect(await explainRefusal(transport, target, error)).toMatchObject({ kind: 'changed' });

    const { object } = (await explainRefusal(transport, target, error)) as { object: KubeObject };
    const fresh = { type: MAPS, state: stateOf(object) };
    const invalid = await failure(
      jsonPatch(transport, fresh, [{ op: 'replace', path: '/none/such', value: 1 }]),
    );
    expect(invalid.code).toBe(422);
    expect(await explainRefusal(transport, fresh, invalid)).toMatchObject({ kind: 'invalid' });

    await deleteObject(transport, MAPS, fresh.state);
    const gone = await failure(jsonPatch(transport, fresh, change));
    expect(await explainRefusal(transport, fresh, gone)).toEqual({ kind: 'gone' });
    await make('patched');
    const replaced = await failure(jsonPatch(transport, fresh, change));
    expect(await explainRefusal(transport, fresh, replaced)).toMatchObject({ kind: 'replaced' });
  });

  it('a merge patch with an old version, or another uid, is 409', async () => {
    const stale = await make('merged');
    const target = { type: MAPS, state: stale };
    await mergePatch(transport, target, { data: { value: '1' } });
    expect(await failure(mergePatch(transport, target, { data: { value: '2' } }))).toMatchObject({
      code: 409,
      reason: 'Conflict',
    });
    const { metadata } = await getObject(transport, MAPS, stale);
    const other = { ...stale, resourceVersion: metadata.resourceVersion ?? '', uid: 'other' };
    const wrongLife = await failure(
      mergePatch(transport, { type: MAPS, state: other }, { data: { value: '3' } }),
    );
    expect([409, 422]).toContain(wrongLife.code);
    expect((await getObject(transport, MAPS, stale))['data']).toEqual({ value: '1' });
  });

  it('a delete demands uid and version: 409 otherwise, 404 when gone', async () => {
    const state = await make('deleted');
    const wrongUid = { ...state, uid: '00000000-0000-0000-0000-000000000000' };
    expect((await failure(deleteObject(transport, MAPS, wrongUid))).code).toBe(409);
    const wrongVersion = { ...state, resourceVersion: '1' };
    expect((await failure(deleteObject(transport, MAPS, wrongVersion))).code).toBe(409);
    await deleteObject(transport, MAPS, state, { dryRun: true });
    await deleteObject(transport, MAPS, state);
    expect((await failure(deleteObject(transport, MAPS, state))).code).toBe(404);
  });

  it('server-side apply does not bring a deleted object back when it names the uid', async () => {
    const state = await make('applied');
    await deleteObject(transport, MAPS, state);
    const metadata = { namespace: 'writes', name: 'applied', uid: state.uid };
    const error = await failure(applyObject(transport, MAPS, { metadata, data: { value: '9' } }));
    expect(error.code).toBe(409);
    expect((await failure(getObject(transport, MAPS, state))).code).toBe(404);
  });

  it('server-side apply without force names the manager that owns the field', async () => {
    await make('contested');
    const metadata = { namespace: 'writes', name: 'contested' };
    const mine = { metadata, data: { value: 'mine' } };
    await applyObject(transport, MAPS, mine, { fieldManager: 'first' });
    const theirs = { metadata, data: { value: 'theirs' } };
    const error = await failure(
      applyObject(transport, MAPS, theirs, { fieldManager: 'second', force: false }),
    );
    expect(error.code).toBe(409);
    expect(error.causes).toMatchObject([{ reason: 'FieldManagerConflict', field: '.data.value' }]);
    expect(error.causes[0]?.message).toContain('first');
    expect((await getObject(transport, MAPS, { ...metadata }))['data']).toEqual({ value: 'mine' });
  });

  it('an eviction demands uid and version, and is rehearsed without effect', async () => {
    const pod = await createObject(transport, BUILT_IN.pods, {
      ...unscheduled('writes', 'evicted'),
      metadata: { namespace: 'writes', name: 'evicted', labels: { app: 'guarded' } },
    });
    const state = stateOf(pod);
    const wrong = { ...state, uid: '00000000-0000-0000-0000-000000000000' };
    expect((await failure(evictPod(transport, wrong))).code).toBe(409);
    expect((await failure(evictPod(transport, { ...state, resourceVersion: '1' }))).code).toBe(409);
    await evictPod(transport, state, { dryRun: true });
    const after = await getObject(transport, BUILT_IN.pods, state);
    expect(after.metadata.resourceVersion).toBe(state.resourceVersion);
    await evictPod(transport, state);
    expect((await failure(getObject(transport, BUILT_IN.pods, state))).code).toBe(404);
  });

  it('an eviction that a budget forbids is 429, sent once, in a rehearsal as well', async () => {
    const labels = { app: 'budget' };
    const pod = await createObject(transport, BUILT_IN.pods, {
      ...unscheduled('writes', 'kept'),
      metadata: { namespace: 'writes', name: 'kept', labels },
    });
    await createObject(transport, BUILT_IN.podDisruptionBudgets, {
      metadata: { namespace: 'writes', name: 'kept' },
      spec: { maxUnavailable: 0, selector: { matchLabels: labels } },
    });
    const target = { type: BUILT_IN.pods, state: stateOf(pod) };
    const conditions = [{ type: 'Ready', status: 'True' }];
    const running = await mergePatchStatus(transport, target, { phase: 'Running', conditions });
    for (const dryRun of [true, false]) {
      const error = await failure(evictPod(transport, stateOf(running), { dryRun }));
      expect(error).toMatchObject({ code: 429, outcome: 'refused' });
    }
    expect((await getObject(transport, BUILT_IN.pods, stateOf(pod))).metadata.uid).toBe(
      pod.metadata.uid,
    );
  });

  it('beforeSend that throws leaves no trace on the server', async () => {
    const guard = {
      writeDeadlineMs: 3_000,
      signal: new AbortController().signal,
      check: () => {
        throw new Error('fenced');
      },
    };
    const object = configMap('writes', 'fenced');
    const error = await failure(createObject(transport, MAPS, object, { guard }));
    expect(error).toMatchObject({ reason: 'Fenced', sent: 'no' });
    const at = { namespace: 'writes', name: 'fenced' };
    expect((await failure(getObject(transport, MAPS, at))).code).toBe(404);
  });
});

describe('finding the server and what it serves', () => {
  it('tells its version and which resources there are', async () => {
    expect((await serverVersion(transport)).gitVersion).toMatch(/^v1\.\d+/);
    expect(await hasResource(transport, BUILT_IN.pods)).toBe(true);
    expect(await hasResource(transport, { ...BUILT_IN.pods, resource: 'nones' })).toBe(false);
    const foreign = { group: 'none.dev', version: 'v1', resource: 'nones' };
    expect(await hasResource(transport, foreign)).toBe(false);
  });

  it('takes a renewed client certificate over while a watch on the old one goes on', async () => {
    const [first, second] = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const groups = ['system:masters'];
        const files = await cluster.pki.issue({ name, commonName: name, organizations: groups });
        return { cert: await readFile(files.certFile), key: await readFile(files.keyFile) };
      }),
    );
    const ca = await readFile(cluster.caFile);
    let current = first;
    let shift = 0;
    const clock = { ...systemClock, monoMs: () => systemClock.monoMs() + shift };
    const endpoint = {
      server: cluster.server,
      namespace: 'writes',
      loadCredentials: () => Promise.resolve({ tls: { ca, ...current }, headers: {} }),
    };
    const own = createTransport({ endpoint, clock, userAgent: () => 'rotation' });
    const whoAmI = async (): Promise<unknown> => {
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
      const answer = await own.request({ method: 'POST', path, body });
      const review = answer.body as { status: { userInfo: { username: string } } };
      return review.status.userInfo.username;
    };
    expect(await whoAmI()).toBe('one');
    const path = '/api/v1/namespaces/writes/configmaps';
    const query = { watch: 'true', fieldSelector: 'metadata.name=rotated' };
    const stream = await own.watch({ path, query });
    const next = stream[Symbol.asyncIterator]().next();
    current = second;
    expect(await whoAmI()).toBe('one');
    shift = 60_000;
    expect(await whoAmI()).toBe('two');
    await make('rotated');
    expect((await next).value).toMatchObject({ type: 'ADDED' });
    stream.close();
    await own.close();
  });

  it('knows no permission as 403, not as absence', async () => {
    const path = await cluster.kubeconfigFor({ user: 'nobody-special' });
    const nobody = connect(await kubeconfigEndpoint({ path }));
    const query = { type: BUILT_IN.pods };
    expect(await failure(listObjects(nobody, query))).toMatchObject({ code: 403 });
    await nobody.close();
  });

  it('D15: works with the files of a ServiceAccount alone', async () => {
    await cluster.kubectl(['create', 'serviceaccount', 'operator', '-n', 'writes']);
    const token = await cluster.kubectl(['create', 'token', 'operator', '-n', 'writes']);
    const { mkdtemp, rm, writeFile } = await import('node:fs/promises');
    const directory = await mkdtemp(`${cluster.dir}/mount-`);
    await writeFile(`${directory}/token`, token.stdout);
    await writeFile(`${directory}/ca.crt`, await readFile(cluster.caFile));
    await writeFile(`${directory}/namespace`, 'writes');
    const { hostname: host, port } = new URL(cluster.server);
    const own = connect(await inClusterEndpoint({ host, port, directory }));
    expect((await serverVersion(own)).major).toBe('1');
    expect(await failure(listObjects(own, { type: MAPS }))).toMatchObject({ code: 403 });
    await own.close();
    await rm(directory, { recursive: true });
  });
});
