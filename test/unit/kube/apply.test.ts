// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  applyObject,
  createObject,
  deleteObject,
  evictPod,
  explainRefusal,
  jsonPatch,
  mergePatchStatus,
  pointerSegment,
} from '../../../src/kube/apply.ts';
import { BUILT_IN } from '../../../src/kube/resource.ts';
import { FakeTransport, lost, pod, status } from './fake-transport.ts';

const STATE = { namespace: 'default', name: 'a', uid: 'uid-a', resourceVersion: '5' };
const PODS = { type: BUILT_IN.pods, state: STATE };

function setUp() {
  const transport = new FakeTransport();
  transport.onRequest = () => ({ body: pod('a', 6) });
  const only = () => {
    expect(transport.requests).toHaveLength(1);
    return transport.requests[0]!;
  };
  return { transport, only };
}

describe('writes', () => {
  it('applyObject applies our own objects by force and states their kind', async () => {
    const { transport, only } = setUp();
    const metadata = { namespace: 'default', name: 'a' };
    await applyObject(transport, BUILT_IN.configMaps, { metadata, data: { k: 'v' } });
    expect(only()).toMatchObject({
      method: 'PATCH',
      path: '/api/v1/namespaces/default/configmaps/a',
      query: { fieldManager: 'homeostat', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { k: 'v' } },
    });
  });

  it('applyObject does not force where it must not', async () => {
    const { transport, only } = setUp();
    await applyObject(
      transport,
      BUILT_IN.pods,
      { metadata: STATE },
      { force: false, dryRun: true },
    );
    expect(only().query).toMatchObject({ dryRun: 'All' });
    expect(only().query?.['force']).toBeUndefined();
    expect(only().body).toMatchObject({ metadata: { uid: 'uid-a', resourceVersion: '5' } });
  });

  it('jsonPatch tests uid and version first, and is sent once', async () => {
    const { transport, only } = setUp();
    const change = { op: 'replace', path: '/spec/replicas', value: 5 } as const;
    await jsonPatch(transport, PODS, [change]);
    expect(only()).toMatchObject({
      contentType: 'application/json-patch+json',
      retries: 0,
      body: [
        { op: 'test', path: '/metadata/uid', value: 'uid-a' },
        { op: 'test', path: '/metadata/resourceVersion', value: '5' },
        change,
      ],
    });
  });

  it('mergePatchStatus carries uid and version, and keeps null to remove a field', async () => {
    const { transport, only } = setUp();
    await mergePatchStatus(transport, PODS, { phase: 'Executing', result: null });
    expect(only()).toMatchObject({
      path: '/api/v1/namespaces/default/pods/a/status',
      contentType: 'application/merge-patch+json',
      body: {
        metadata: { uid: 'uid-a', resourceVersion: '5' },
        status: { phase: 'Executing', result: null },
      },
    });
  });

  it('deleteObject and evictPod demand uid and version, and are sent once', async () => {
    const preconditions = { uid: 'uid-a', resourceVersion: '5' };
    const first = setUp();
    await deleteObject(first.transport, BUILT_IN.pods, STATE, { gracePeriodSeconds: 0 });
    expect(first.only()).toMatchObject({
      method: 'DELETE',
      retries: 0,
      body: { preconditions, gracePeriodSeconds: 0 },
    });
    const second = setUp();
    await evictPod(second.transport, STATE, { dryRun: true });
    expect(second.only()).toMatchObject({
      method: 'POST',
      path: '/api/v1/namespaces/default/pods/a/eviction',
      retries: 0,
      query: { dryRun: 'All' },
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        deleteOptions: { preconditions, dryRun: ['All'] },
      },
    });
  });

  it('hand the guard to the transport: last check, the shorter deadline, the end of the term', async () => {
    const { transport, only } = setUp();
    const term = new AbortController();
    let checks = 0;
    const guard = {
      check: () => {
        checks += 1;
      },
      writeDeadlineMs: 3_000,
      signal: term.signal,
    };
    await createObject(transport, BUILT_IN.pods, pod('a', 1), { guard, deadlineMs: 10_000 });
    expect(checks).toBe(0);
    only().beforeSend?.();
    expect(checks).toBe(1);
    expect(only().deadlineMs).toBe(3_000);
    expect(only().signal?.aborted).toBe(false);
    term.abort();
    expect(only().signal?.aborted).toBe(true);
  });
});

describe('explainRefusal', () => {
  const refusal = async (reply: ReturnType<typeof pod> | null, code: 404 | 409 | 422 = 422) => {
    const { transport } = setUp();
    transport.onRequest = () => (reply === null ? status(404, 'NotFound') : { body: reply });
    return (await explainRefusal(transport, PODS, status(code, 'Invalid'))).kind;
  };

  it('tells gone, replaced, changed and invalid apart by what is there now', async () => {
    expect(await refusal(null)).toBe('gone');
    expect(await refusal(pod('a', 9, 'other'))).toBe('replaced');
    expect(await refusal(pod('a', 6))).toBe('changed');
    expect(await refusal(pod('a', 5))).toBe('invalid');
    expect(await refusal(pod('a', 6), 409)).toBe('changed');
    expect(await refusal(pod('a', 5), 404)).toBe('gone');
  });

  it('throws what it cannot explain', async () => {
    const { transport } = setUp();
    await expect(explainRefusal(transport, PODS, status(403, 'Forbidden'))).rejects.toMatchObject({
      code: 403,
    });
    transport.onRequest = () => lost();
    await expect(explainRefusal(transport, PODS, status(422, 'Invalid'))).rejects.toMatchObject({
      reason: 'ConnectionLost',
    });
  });
});

describe('pointerSegment', () => {
  it('escapes as RFC 6901 says', () => {
    expect(pointerSegment('homeostat.dev/restart~at')).toBe('homeostat.dev~1restart~0at');
  });
});
