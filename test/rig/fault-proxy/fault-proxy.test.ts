// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/instrumentation/system-clock.ts';
import { createTransport, type Transport } from '../../../src/kube/transport.ts';
import { json, type ScriptedServer, startScriptedServer } from '../../unit/kube/scripted-server.ts';
import { createPki } from '../control-plane/pki.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { readRequest } from './request-info.ts';

const PODS = '/api/v1/namespaces/default/pods';

let server: ScriptedServer;
let proxy: FaultProxy;
let transport: Transport;

const connect = (to: FaultProxy): Transport =>
  createTransport({ endpoint: to.endpoint(), clock: systemClock, userAgent: () => 'me' });

beforeEach(async () => {
  server = await startScriptedServer();
  server.answer = (request, response) => {
    if (request.url?.includes('watch=true') !== true) return json(response, { ok: true });
    response.writeHead(200);
    for (let each = 1; each <= 4; each += 1) {
      response.write(`${JSON.stringify({ type: 'ADDED', object: { n: each } })}\n`);
    }
    response.end();
  };
  proxy = await startFaultProxy({ upstream: server.endpoint, seed: 1 });
  transport = connect(proxy);
});

afterEach(async () => {
  await transport.close();
  await proxy.stop();
  await server.stop();
});

async function watched(): Promise<unknown[]> {
  const seen: unknown[] = [];
  const stream = await transport.watch({ path: PODS, query: { watch: 'true' } });
  for await (const { object } of stream) seen.push((object as { n: number }).n);
  return seen;
}

describe('readRequest', () => {
  it.each([
    ['GET', `${PODS}?limit=5`, 'list', 'pods', 'default', ''],
    ['GET', `${PODS}?watch=true`, 'watch', 'pods', 'default', ''],
    ['GET', `${PODS}/a`, 'get', 'pods', 'default', 'a'],
    ['POST', `${PODS}/a/eviction`, 'create', 'pods/eviction', 'default', 'a'],
    [
      'PATCH',
      '/apis/homeostat.dev/v1alpha1/namespaces/x/healingactions/h/status',
      'patch',
      'healingactions/status',
      'x',
      'h',
    ],
    ['DELETE', '/api/v1/nodes/n', 'delete', 'nodes', '', 'n'],
    ['GET', '/api/v1/namespaces/x', 'get', 'namespaces', '', 'x'],
    ['GET', '/version', 'other', '', '', ''],
  ])('reads %s %s', (method, url, verb, resource, namespace, name) => {
    expect(readRequest(method, url)).toMatchObject({ verb, resource, namespace, name });
  });
});

describe('startFaultProxy', () => {
  it('passes what no rule touches, and writes all of it down', async () => {
    await transport.request({ method: 'POST', path: PODS, body: { a: 1 } });
    expect(await watched()).toEqual([1, 2, 3, 4]);
    expect(server.requests[0]).toMatchObject({ body: '{"a":1}' });
    expect(server.requests[0]?.headers['authorization']).toBe('Bearer one');
    expect(proxy.history.map(({ kind, info, status }) => [kind, info.verb, status])).toEqual([
      ['request', 'create', 0],
      ['reply', 'create', 200],
      ['request', 'watch', 0],
      ...Array(4).fill(['line', 'watch', 0]),
    ]);
    expect(proxy.history[0]).toMatchObject({ text: '{"a":1}', userAgent: 'me', fault: '' });
  });

  it('breaks the n-th matching request before the server sees it, or after it was applied', async () => {
    proxy.rules.add({ on: 'before', verb: 'create', nth: 2, fault: { kind: 'reset' } });
    proxy.rules.add({ on: 'after', verb: 'patch', resource: 'pods', fault: { kind: 'reset' } });
    const create = { method: 'POST', path: PODS, body: {} } as const;
    await transport.request(create);
    await expect(transport.request(create)).rejects.toMatchObject({ sent: 'unknown' });
    expect(server.requests).toHaveLength(1);
    await transport.request(create);
    const patch = { method: 'PATCH', path: `${PODS}/a`, body: {} } as const;
    await expect(transport.request(patch)).rejects.toMatchObject({ sent: 'unknown' });
    expect(server.requests).toHaveLength(3);
    const faults = proxy.history.filter(({ fault }) => fault !== '');
    expect(faults.map(({ kind, info }) => [kind, info.verb])).toEqual([
      ['request', 'create'],
      ['reply', 'patch'],
    ]);
  });

  it('strikes by what a request says, and tells', async () => {
    const struck: string[] = [];
    proxy.rules.add({
      on: 'before',
      when: ({ query }, body) => query === 'dryRun=All' && body.includes('wanted'),
      onStrike: () => struck.push('hit'),
      fault: { kind: 'delay', ms: 0 },
    });
    const send = (body: object, query: Record<string, string> = {}) =>
      transport.request({ method: 'POST', path: PODS, body, query });
    await send({ a: 'wanted' });
    await send({ a: 'other' }, { dryRun: 'All' });
    expect(struck).toEqual([]);
    await send({ a: 'wanted' }, { dryRun: 'All' });
    expect(struck).toEqual(['hit']);
    expect(server.requests).toHaveLength(3);
  });
  it('answers in the place of the server, with Retry-After', async () => {
    const fault = { kind: 'status', code: 429, retryAfterSeconds: 9 } as const;
    proxy.rules.add({ on: 'before', fault });
    await expect(
      transport.request({ method: 'GET', path: PODS, retries: 0 }),
    ).rejects.toMatchObject({ code: 429, retryAfterMs: 9_000 });
    expect(server.requests).toHaveLength(0);
  });

  it('sends twice, delays, and stays silent', async () => {
    const remove = proxy.rules.add({ on: 'before', fault: { kind: 'duplicate' } });
    await transport.request({ method: 'POST', path: PODS, body: {} });
    expect(server.requests).toHaveLength(2);
    remove();
    proxy.rules.add({ on: 'before', nth: 1, fault: { kind: 'delay', ms: 30 } });
    await transport.request({ method: 'GET', path: PODS });
    proxy.rules.clear();
    proxy.rules.add({ on: 'after', fault: { kind: 'drop' } });
    await expect(
      transport.request({ method: 'POST', path: PODS, body: {}, deadlineMs: 300 }),
    ).rejects.toMatchObject({ reason: 'DeadlineExceeded', sent: 'unknown' });
    expect(server.requests).toHaveLength(4);
  });

  it('holds a request until it is let go', async () => {
    const { promise: until, resolve: letGo } = Promise.withResolvers<void>();
    const struck = Promise.withResolvers<void>();
    proxy.rules.add({
      on: 'before',
      nth: 1,
      onStrike: struck.resolve,
      fault: { kind: 'hold', until },
    });
    const held = transport.request({ method: 'POST', path: PODS, body: { a: 1 } });
    await struck.promise;
    await transport.request({ method: 'POST', path: PODS, body: { a: 2 } });
    expect(server.requests.map(({ body }) => body)).toEqual(['{"a":2}']);
    letGo();
    await held;
    expect(server.requests.map(({ body }) => body)).toEqual(['{"a":2}', '{"a":1}']);
  });

  it.each([
    ['drop', [1, 3, 4]],
    ['duplicate', [1, 2, 2, 3, 4]],
    ['reorder', [1, 3, 2, 4]],
  ] as const)('lets a line of a watch suffer %s', async (kind, seen) => {
    proxy.rules.add({ on: 'line', nth: 2, eventType: 'ADDED', fault: { kind } });
    expect(await watched()).toEqual(seen);
  });

  it.each([
    ['cut', 'TruncatedLine'],
    ['reset', 'ConnectionLost'],
  ] as const)('ends a watch by %s', async (kind, reason) => {
    proxy.rules.add({ on: 'line', nth: 3, fault: { kind } });
    await expect(watched()).rejects.toMatchObject({ reason });
  });

  it('lets a watch fall silent without ending it', async () => {
    proxy.rules.add({ on: 'line', nth: 2, fault: { kind: 'silence' } });
    const stream = await transport.watch({ path: PODS, query: { watch: 'true' } });
    const lines = stream[Symbol.asyncIterator]();
    expect((await lines.next()).value).toMatchObject({ object: { n: 1 } });
    const end = Promise.race([
      lines.next().then(() => 'more'),
      systemClock.sleep(200).then(() => 'silent'),
    ]);
    expect(await end).toBe('silent');
    stream.close();
  });

  it('draws the share of faults from its seed', async () => {
    const faultsOf = async (seed: number): Promise<string> => {
      const one = await startFaultProxy({ upstream: server.endpoint, seed });
      const fault = { kind: 'status', code: 418 } as const;
      one.rules.add({ on: 'before', share: 0.5, fault });
      const own = connect(one);
      for (let each = 0; each < 12; each += 1) {
        await own.request({ method: 'GET', path: PODS, priority: 'critical' }).catch(() => null);
      }
      await own.close();
      await one.stop();
      const requests = one.history.filter(({ kind }) => kind === 'request');
      return requests.map(({ fault: suffered }) => (suffered === '' ? '-' : 'x')).join('');
    };
    const first = await faultsOf(5);
    expect(first).toMatch(/x/);
    expect(first).toMatch(/-/);
    expect(await faultsOf(5)).toBe(first);
    expect(await faultsOf(6)).not.toBe(first);
  });

  it('terminates TLS with a certificate of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'homeostat-proxy-'));
    try {
      const pki = await createPki(folder);
      const files = await pki.issue({ name: 'p', commonName: 'p', addresses: ['127.0.0.1'] });
      const [cert, key, ca] = await Promise.all(
        [files.certFile, files.keyFile, pki.cluster.certFile].map((file) => readFile(file, 'utf8')),
      );
      const tls = { cert: cert!, key: key!, ca: ca! };
      const secure = await startFaultProxy({ upstream: server.endpoint, seed: 1, tls });
      const own = connect(secure);
      expect((await own.request({ method: 'GET', path: PODS })).body).toEqual({ ok: true });
      expect(secure.url).toMatch(/^https:/);
      await own.close();
      await secure.stop();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
