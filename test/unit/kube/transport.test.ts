// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/instrumentation/system-clock.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import type { Endpoint } from '../../../src/kube/credentials.ts';
import {
  type ApiRequest,
  createTransport,
  type RequestLogEntry,
  type Transport,
  type TransportOptions,
} from '../../../src/kube/transport.ts';
import { VirtualClock } from '../../rig/virtual-clock.ts';
import { json, type ScriptedServer, startScriptedServer } from './scripted-server.ts';

const UNLIMITED = { qps: 1e6, burst: 1e6, reservedQps: 1 };
const GET: ApiRequest = { method: 'GET', path: '/api/v1/pods' };
const POST: ApiRequest = { method: 'POST', path: '/api/v1/pods', body: { a: 1 } };

let server: ScriptedServer;
let transport: Transport;
let log: RequestLogEntry[];

const connect = (options: Partial<TransportOptions> = {}): Transport =>
  createTransport({
    endpoint: server.endpoint,
    clock: systemClock,
    userAgent: () => 'homeostat/1 (test; epoch=7)',
    requestLog: (entry) => log.push(entry),
    limits: UNLIMITED,
    random: () => 0,
    ...options,
  });

async function failure(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

/** Waits, on the machine's own time, for something that another thread of events brings about. */
async function eventually(condition: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

beforeEach(async () => {
  server = await startScriptedServer();
  log = [];
  transport = connect();
});

afterEach(async () => {
  await transport.close();
  await server.stop();
});

describe('createTransport', () => {
  it('D12: sends 300 requests in a row over at most 2 connections', async () => {
    for (let each = 0; each < 300; each += 1) await transport.request(GET);
    expect(server.requests).toHaveLength(300);
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it('D11: gives unknown fields back as they came, and sends what it was given', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const object = { kind: 'Pod', spec: { anotherNew: value, containers: [{ brandNew: 1 }] } };
        server.answer = (_request, response) => json(response, object);
        const { body } = await transport.request({ ...POST, body: object });
        expect(JSON.stringify(body)).toBe(JSON.stringify(object));
        expect(server.requests.at(-1)?.body).toBe(JSON.stringify(object));
      }),
      { numRuns: 30 },
    );
  });

  it('sends credentials, the user agent of the moment, the content type and the query', async () => {
    await transport.request({
      method: 'PATCH',
      path: '/api/v1/pods',
      query: { fieldManager: 'homeostat', dryRun: undefined },
      body: [],
      contentType: 'application/json-patch+json',
    });
    expect(server.requests[0]).toMatchObject({
      method: 'PATCH',
      url: '/api/v1/pods?fieldManager=homeostat',
      headers: {
        authorization: 'Bearer one',
        'user-agent': 'homeostat/1 (test; epoch=7)',
        'content-type': 'application/json-patch+json',
      },
    });
  });

  it('reports a refusal with reason, causes and what is known of its effect', async () => {
    server.answer = (_request, response) =>
      json(
        response,
        {
          kind: 'Status',
          code: 409,
          reason: 'Conflict',
          message: 'the object has been modified',
          details: { causes: [{ reason: 'FieldManagerConflict', message: 'm', field: '.spec' }] },
        },
        409,
      );
    const error = await failure(transport.request(POST));
    expect(error).toMatchObject({
      code: 409,
      reason: 'Conflict',
      sent: 'yes',
      outcome: 'refused',
      causes: [{ reason: 'FieldManagerConflict', message: 'm', field: '.spec' }],
    });
  });

  it.each([
    [500, 'unknown'],
    [504, 'unknown'],
    [422, 'refused'],
  ])('calls the outcome of a write answered with %i %s', async (code, outcome) => {
    server.answer = (_request, response) => {
      response.writeHead(code);
      response.end('no JSON at all');
    };
    expect(await failure(transport.request(POST))).toMatchObject({ code, outcome });
  });

  it.each([429, 503])(
    'D9: waits as Retry-After says after %i and tries again, for writes as well',
    async (code) => {
      const clock = new VirtualClock();
      await transport.close();
      transport = connect({ clock });
      server.answer = (_request, response, index) =>
        index < 2 ? json(response, {}, code, { 'retry-after': '7' }) : json(response, { ok: true });
      const call = transport.request(POST);
      for (const [attempts, at] of [
        [1, 7_000],
        [2, 14_000],
      ] as const) {
        await eventually(() => server.requests.length === attempts && log.length === attempts);
        await clock.advance(6_999);
        expect(server.requests).toHaveLength(attempts);
        await clock.advance(1);
        expect(clock.monoMs()).toBe(at);
      }
      expect((await call).body).toEqual({ ok: true });
      expect(log.map(({ attempt, status }) => [attempt, status])).toEqual([
        [1, code],
        [2, code],
        [3, 200],
      ]);
    },
  );

  it('understands Retry-After as a date', async () => {
    const clock = new VirtualClock();
    await transport.close();
    transport = connect({ clock });
    const date = new Date(clock.wallMs() + 4_000).toUTCString();
    server.answer = (_request, response) => json(response, {}, 429, { 'retry-after': date });
    const error = await failure(transport.request({ ...GET, retries: 0 }));
    expect(error.retryAfterMs).toBe(4_000);
  });

  it('tries at most 10 times more, never with `retries: 0`, and not when the wait is too long', async () => {
    server.answer = (_request, response) => json(response, {}, 429, { 'retry-after': '0' });
    await failure(transport.request(GET));
    expect(server.requests).toHaveLength(11);
    await failure(transport.request({ ...POST, retries: 0 }));
    expect(server.requests).toHaveLength(12);
    server.answer = (_request, response) => json(response, {}, 429, { 'retry-after': '60' });
    const error = await failure(transport.request(GET));
    expect(error).toMatchObject({ code: 429, retryAfterMs: 60_000 });
    expect(server.requests).toHaveLength(13);
  });

  it('does not repeat a 429 or a 5xx that does not say when', async () => {
    server.answer = (_request, response) => json(response, {}, 500);
    await failure(transport.request(GET));
    expect(server.requests).toHaveLength(1);
  });

  it('repeats a GET whose connection broke', async () => {
    server.answer = (request, response, index) => {
      if (index < 2) request.socket.destroy();
      else json(response, { ok: true });
    };
    expect((await transport.request(GET)).body).toEqual({ ok: true });
    expect(server.requests).toHaveLength(3);
  });

  it('never repeats a write whose reply was lost: its outcome is unknown', async () => {
    server.answer = (request) => request.socket.destroy();
    const error = await failure(transport.request(POST));
    expect(error).toMatchObject({ code: 0, reason: 'ConnectionLost', sent: 'unknown' });
    expect(error.outcome).toBe('unknown');
    expect(server.requests).toHaveLength(1);
  });

  it('calls a write unknown as well when the answer breaks off after its head', async () => {
    server.answer = (request, response) => {
      response.writeHead(201, { 'content-length': '100' });
      response.write('{"kind":');
      setImmediate(() => request.socket.destroy());
    };
    expect(await failure(transport.request(POST))).toMatchObject({ sent: 'unknown' });
  });

  it('knows that nothing was sent when nobody listens', async () => {
    const { server: url } = server.endpoint;
    await server.stop();
    const error = await failure(connect().request(POST));
    expect(url).toContain('127.0.0.1');
    expect(error).toMatchObject({ reason: 'ConnectionRefused', sent: 'no', outcome: 'refused' });
    server = await startScriptedServer();
  });

  it('asks the last check right before the bytes leave, and sends nothing when it refuses', async () => {
    await transport.request(GET);
    const order: string[] = [];
    server.answer = (_request, response) => {
      order.push('arrived');
      json(response, {});
    };
    await transport.request({ ...POST, beforeSend: () => order.push('checked') });
    expect(order).toEqual(['checked', 'arrived']);
    const refuse = (): void => {
      throw new Error('fenced');
    };
    const error = await failure(transport.request({ ...POST, beforeSend: refuse }));
    expect(error).toMatchObject({ reason: 'Fenced', sent: 'no' });
    expect(error.cause).toMatchObject({ message: 'fenced' });
    await transport.request(GET);
    expect(server.requests.map(({ method }) => method)).toEqual(['GET', 'POST', 'GET']);
  });

  it('asks the last check at every attempt', async () => {
    let checks = 0;
    server.answer = (_request, response) => json(response, {}, 503, { 'retry-after': '0' });
    const beforeSend = (): void => {
      checks += 1;
      if (checks === 3) throw new Error('lease lost meanwhile');
    };
    expect(await failure(transport.request({ ...POST, beforeSend }))).toMatchObject({
      reason: 'Fenced',
    });
    expect(server.requests).toHaveLength(2);
  });

  it('keeps the deadline over waiting, attempts and pauses, and tells it from giving up', async () => {
    const clock = new VirtualClock();
    await transport.close();
    transport = connect({ clock });
    server.answer = () => undefined;
    const call = failure(transport.request({ ...POST, deadlineMs: 3_000 }));
    await eventually(() => server.requests.length === 1);
    await clock.advance(3_000);
    expect(await call).toMatchObject({ reason: 'DeadlineExceeded', sent: 'unknown' });
    const givingUp = new AbortController();
    const other = failure(transport.request({ ...POST, signal: givingUp.signal }));
    await eventually(() => server.requests.length === 2);
    givingUp.abort();
    expect(await other).toMatchObject({ reason: 'Aborted', sent: 'unknown' });
    const before = failure(transport.request({ ...POST, signal: givingUp.signal }));
    expect(await before).toMatchObject({ reason: 'Aborted', sent: 'no' });
    expect(clock.sleeping).toBe(0);
  });

  it('reads credentials anew once after 401, and then believes it', async () => {
    let token = 'old';
    const endpoint: Endpoint = {
      ...server.endpoint,
      loadCredentials: () => {
        const authorization = `Bearer ${token}`;
        token = 'new';
        return Promise.resolve({ tls: {}, headers: { authorization } });
      },
    };
    await transport.close();
    transport = connect({ endpoint });
    server.answer = (request, response) =>
      json(response, {}, request.headers.authorization === 'Bearer new' ? 201 : 401);
    expect((await transport.request(POST)).status).toBe(201);
    server.answer = (_request, response) => json(response, {}, 401);
    expect(await failure(transport.request(POST))).toMatchObject({ code: 401 });
    expect(server.requests).toHaveLength(4);
  });

  it('reads credentials about once a minute, and keeps the old ones while that fails', async () => {
    const clock = new VirtualClock();
    let reads = 0;
    let broken = false;
    const endpoint: Endpoint = {
      ...server.endpoint,
      loadCredentials: () => {
        reads += 1;
        if (broken) return Promise.reject(new Error('the volume is being swapped'));
        return Promise.resolve({ tls: {}, headers: { authorization: `Bearer ${reads}` } });
      },
    };
    await transport.close();
    transport = connect({ endpoint, clock });
    await transport.request(GET);
    await clock.advance(49_000);
    await transport.request(GET);
    expect(reads).toBe(1);
    await clock.advance(2_000);
    await transport.request(GET);
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer 2');
    broken = true;
    await clock.advance(51_000);
    await transport.request(GET);
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer 2');
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it('says that nothing was sent when there are no credentials', async () => {
    const loadCredentials = () => Promise.reject(new Error('no token'));
    const without = connect({ endpoint: { ...server.endpoint, loadCredentials } });
    expect(await failure(without.request(POST))).toMatchObject({
      reason: 'ConnectionFailed',
      sent: 'no',
    });
  });

  it('keeps within its budget of requests', async () => {
    const clock = new VirtualClock();
    await transport.close();
    transport = connect({ clock, limits: { qps: 20, burst: 40, reservedQps: 5 } });
    const calls = Array.from({ length: 31 }, () => transport.request(GET));
    await eventually(() => server.requests.length === 30);
    await clock.advance(60);
    expect(server.requests).toHaveLength(30);
    await transport.request({ ...POST, priority: 'critical' });
    await clock.advance(10);
    await Promise.all(calls);
  });
});

describe('createTransport: watches', () => {
  const WATCH = { path: '/api/v1/pods', query: { watch: 'true' } };
  const event = (version: number) =>
    `${JSON.stringify({ type: 'ADDED', object: { metadata: { resourceVersion: `${version}` } } })}\n`;

  const versions = async (request = WATCH): Promise<unknown[]> => {
    const seen: unknown[] = [];
    for await (const each of await transport.watch(request)) {
      seen.push(
        (each.object as { metadata: { resourceVersion: string } }).metadata.resourceVersion,
      );
    }
    return seen;
  };

  it('gives events as they come, and ends when the server closes cleanly', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200);
      response.write(event(1) + event(2).slice(0, 20));
      setImmediate(() => response.end(event(2).slice(20)));
    };
    expect(await versions()).toEqual(['1', '2']);
  });

  it('gives more events than fit its queue, in order, while the reader is slow', async () => {
    const count = 5_000;
    server.answer = (_request, response) => {
      response.writeHead(200);
      for (let each = 0; each < count; each += 1) response.write(event(each));
      response.end();
    };
    const seen = await versions();
    expect(seen).toEqual(Array.from({ length: count }, (_, each) => String(each)));
  });

  it.each([
    ['MalformedLine', `${event(1)}{"type":"ADDED","obj\n`],
    ['MalformedLine', `${event(1)}{"kind":"Pod"}\n`],
    ['TruncatedLine', event(1) + event(2).slice(0, 30)],
  ])('D10: ends with %s instead of dropping a line', async (reason, text) => {
    server.answer = (_request, response) => {
      response.writeHead(200);
      response.end(text);
    };
    expect(await failure(versions())).toMatchObject({ reason });
  });

  it('D4: ends with ConnectionLost when the connection breaks', async () => {
    server.answer = (request, response) => {
      response.writeHead(200);
      response.write(event(1));
      setTimeout(() => request.socket.destroy(), 5);
    };
    expect(await failure(versions())).toMatchObject({ reason: 'ConnectionLost' });
  });

  it('refuses with the status of the server, its causes and its Retry-After', async () => {
    server.answer = (_request, response) =>
      json(response, { kind: 'Status', code: 410, reason: 'Expired' }, 410, { 'retry-after': '3' });
    const error = await failure(transport.watch(WATCH));
    expect(error).toMatchObject({ code: 410, reason: 'Expired', retryAfterMs: 3_000 });
    expect(server.requests).toHaveLength(1);
  });

  it('D2: ends quietly when it is closed from our side', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200);
      response.write(event(1));
    };
    const stream = await transport.watch(WATCH);
    const seen: unknown[] = [];
    for await (const each of stream) {
      seen.push(each.type);
      stream.close();
    }
    expect(seen).toEqual(['ADDED']);
  });

  it('gives up when the server accepts but does not answer', async () => {
    const clock = new VirtualClock();
    await transport.close();
    transport = connect({ clock });
    server.answer = () => undefined;
    const opening = failure(transport.watch(WATCH));
    await eventually(() => server.requests.length === 1);
    await clock.advance(30_000);
    expect(await opening).toMatchObject({ reason: 'DeadlineExceeded' });
  });
});
