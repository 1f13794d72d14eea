// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ApiRequest } from '../../../src/domain/cluster.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import { createClusterPort } from '../../../src/kube/cluster-port.ts';
import { FakeTransport, lost, pod, type Reply, status } from './fake-transport.ts';

const EVICT: ApiRequest = {
  verb: 'create',
  group: '',
  version: 'v1',
  resource: 'pods',
  namespace: 'shop',
  name: 'web-0',
  subresource: 'eviction',
  body: { kind: 'Eviction' },
};
const GET: ApiRequest = {
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  namespace: 'shop',
  name: 'web-0',
};

function setUp(reply: Reply = { body: pod('web-0', 7) }) {
  const transport = new FakeTransport();
  transport.onRequest = () => reply;
  const term = new AbortController();
  let checks = 0;
  const check = (): void => {
    checks += 1;
  };
  const port = createClusterPort(transport, { check, writeDeadlineMs: 3_000, signal: term.signal });
  return { port, transport, term, checks: () => checks, sent: () => transport.requests.at(-1)! };
}

describe('createClusterPort', () => {
  it('fences writes, gives them the deadline of the term and sends them once', async () => {
    const { port, sent, checks, term } = setUp();
    expect(await port.send(EVICT)).toMatchObject({ kind: 'ok', status: 200 });
    expect(sent()).toMatchObject({
      method: 'POST',
      path: '/api/v1/namespaces/shop/pods/web-0/eviction',
      retries: 0,
      deadlineMs: 3_000,
      priority: 'critical',
    });
    sent().beforeSend?.();
    expect(checks()).toBe(1);
    term.abort();
    expect(sent().signal?.aborted).toBe(true);
  });

  it('does not fence reads', async () => {
    const { port, sent, term } = setUp();
    term.abort();
    expect(await port.send(GET)).toMatchObject({ kind: 'ok' });
    expect(sent()).toMatchObject({ method: 'GET', path: '/api/v1/namespaces/shop/pods/web-0' });
    expect(sent().beforeSend).toBeUndefined();
  });

  it.each<[ApiRequest, string, Record<string, unknown>]>([
    [{ ...GET, verb: 'patch', patchType: 'merge', body: {} }, 'application/merge-patch+json', {}],
    [{ ...GET, verb: 'patch', patchType: 'json', body: [] }, 'application/json-patch+json', {}],
    [
      { ...GET, verb: 'patch', patchType: 'apply', body: {}, dryRun: true },
      'application/apply-patch+yaml',
      { force: 'true', dryRun: 'All' },
    ],
  ])('writes patches of each type', async (request, contentType, query) => {
    const { port, sent } = setUp();
    await port.send(request);
    expect(sent()).toMatchObject({ method: 'PATCH', contentType, query });
  });

  it('rehearses a delete in its body', async () => {
    const { port, sent } = setUp();
    const body = { preconditions: { uid: 'u' } };
    await port.send({ ...GET, verb: 'delete', body, dryRun: true });
    expect(sent().body).toMatchObject({ ...body, dryRun: ['All'] });
  });

  it('lists over a namespace or over all, with a selector', async () => {
    const { port, sent } = setUp({ body: { items: [] } });
    const { name: _name, namespace: _namespace, ...all } = GET;
    await port.send({ ...all, verb: 'list', labelSelector: 'a=b' });
    expect(sent()).toMatchObject({ path: '/api/v1/pods', query: { labelSelector: 'a=b' } });
    await port.send({ ...all, verb: 'list', namespace: 'shop' });
    expect(sent().path).toBe('/api/v1/namespaces/shop/pods');
  });

  it.each<[string, ApiRequest, Reply, Record<string, unknown>]>([
    [
      'a refusal',
      EVICT,
      status(409, 'Conflict'),
      { kind: 'refused', status: 409, reason: 'Conflict' },
    ],
    [
      'a disruption budget',
      EVICT,
      status(429, 'TooManyRequests', { details: { retryAfterSeconds: 10 } }),
      { kind: 'refused', status: 429, retryAfterMs: 10_000 },
    ],
    ['a lost reply', EVICT, lost(), { kind: 'unknown' }],
    ['a 5xx to a write', EVICT, status(504, 'Timeout'), { kind: 'unknown' }],
    ['a 5xx to a read', GET, status(503, 'Busy'), { kind: 'refused', status: 503 }],
    ['no connection', EVICT, lost('no'), { kind: 'notSent' }],
    [
      'the fence',
      EVICT,
      new ApiError({ code: 0, reason: 'Fenced', message: 'x', sent: 'no' }),
      { kind: 'notSent' },
    ],
  ])('tells %s', async (_name, request, reply, expected) => {
    expect(await setUp(reply).port.send(request)).toMatchObject(expected);
  });

  it('takes a Failure under a 2xx for the refusal that it is: older servers so refuse evictions', async () => {
    const failure = { kind: 'Status', status: 'Failure', code: 429, reason: 'X', message: 'm' };
    const { port } = setUp({ body: failure });
    expect(await port.send(EVICT)).toMatchObject({ kind: 'refused', status: 429, message: 'm' });
    const two = setUp({ body: { ...failure, code: 500 } });
    expect(await two.port.send(EVICT)).toMatchObject({ kind: 'unknown' });
    const success = setUp({ body: { kind: 'Status', status: 'Success' } });
    expect(await success.port.send(EVICT)).toMatchObject({ kind: 'ok' });
  });

  it('never rejects, also not for a name that is no name', async () => {
    const { port, transport } = setUp();
    expect(await port.send({ ...GET, name: '../../secrets' })).toMatchObject({ kind: 'notSent' });
    expect(transport.requests).toHaveLength(0);
  });
});
