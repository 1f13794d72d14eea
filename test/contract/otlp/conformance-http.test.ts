// SPDX-License-Identifier: Apache-2.0
/** The points of the OTLP specification that concern HTTP, against a real server on a real socket. */
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Forward } from '../../../src/monitor/otlp/receiver-context.ts';
import { detailsOf } from '../../fixtures/otlp/grpc-client.ts';
import { JSON_TYPE, PROTOBUF, send, statusOf } from '../../fixtures/otlp/http-client.ts';
import { decode, SIGNALS } from '../../fixtures/otlp/oracle.ts';
import { type Rig, startRig } from '../../fixtures/otlp/receiver-rig.ts';
import { gauge, metricsRequest, nano, sample, sampleBytes } from '../../fixtures/otlp/samples.ts';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

const rigWith = async (options: Parameters<typeof startRig>[0] = {}): Promise<Rig> => {
  const rig = await startRig({ ...options, limits: { drainTimeoutMs: 500, ...options.limits } });
  opened.push({ close: () => rig.stop() });
  return rig;
};
const body = () => sampleBytes('metrics', Date.now());
const json = (message: object): Buffer => Buffer.from(JSON.stringify(message));
const jsonBody = () => json(sample('metrics', Date.now()));
const until = async (condition: () => boolean): Promise<void> => {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setImmediate(resolve));
  }
};

describe('OTLP/HTTP', () => {
  it('points 1, 7 and 16: takes each coding in both forms and answers in the same form', async () => {
    const rig = await rigWith();
    for (const signal of SIGNALS) {
      const bytes = sampleBytes(signal, Date.now());
      // The ids of OTLP/JSON are hex, not what protobufjs takes.
      const text =
        signal === 'traces' ? json({ resourceSpans: [] }) : json(sample(signal, Date.now()));
      const forms = [
        { type: 'application/x-protobuf', plain: bytes, empty: Buffer.alloc(0) },
        { type: 'application/json', plain: text, empty: Buffer.from('{}') },
      ];
      for (const { type, plain, empty } of forms) {
        for (const [coding, content] of [
          ['', plain],
          ['identity', plain],
          ['gzip', gzipSync(plain)],
          ['GZIP', gzipSync(plain)],
          ['zstd', zstdCompressSync(plain)],
        ] as const) {
          const headers = { 'content-type': type, ...(coding && { 'content-encoding': coding }) };
          const answer = await send(rig.httpPort, {
            path: `/v1/${signal}`,
            headers,
            body: content,
          });
          expect([coding, answer.status, answer.body]).toEqual([coding, 200, empty]);
          expect(answer.headers['content-type']).toBe(type);
        }
      }
    }
    expect(rig.sink.batches).toHaveLength(30);
    expect(rig.counters()).toMatchObject({ acknowledged: { metrics: 10 }, inFlight: 0 });
  });

  it('point 6: takes a body of no bytes', async () => {
    const rig = await rigWith();
    expect((await send(rig.httpPort, { body: Buffer.alloc(0) })).status).toBe(200);
    expect(
      (await send(rig.httpPort, { headers: { ...PROTOBUF, 'content-length': '0' } })).status,
    ).toBe(200);
    const empty = await send(rig.httpPort, { headers: JSON_TYPE, body: json({}) });
    expect(empty.status).toBe(200);
  });

  it('point 8: writes partial_success of JSON with the count as a string', async () => {
    const rig = await rigWith();
    const request = metricsRequest([
      gauge('container.memory.rss', [
        { timeUnixNano: 0, asInt: 4 },
        { timeUnixNano: nano(Date.now()) },
        { timeUnixNano: nano(Date.now()), asDouble: 'NaN' },
        { timeUnixNano: nano(Date.now()), asDouble: 5 },
      ]),
    ]);
    const answer = await send(rig.httpPort, { headers: JSON_TYPE, body: json(request) });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual({
      partialSuccess: { rejectedDataPoints: '3', errorMessage: expect.any(String) },
    });
  });

  it('point 15: knows POST and the three paths only', async () => {
    const rig = await rigWith();
    for (const method of ['GET', 'PATCH', 'PUT', 'OPTIONS', 'DELETE']) {
      const answer = await send(rig.httpPort, { method, headers: PROTOBUF });
      expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, 'POST']);
      expect(statusOf(answer)).toMatchObject({ code: 12 });
    }
    const head = await send(rig.httpPort, { method: 'HEAD', headers: PROTOBUF });
    expect(head).toMatchObject({ status: 405, body: Buffer.alloc(0) });
    for (const path of ['/', '/v1', '/v1/metrics/', '/v1development/profiles', '/constructor']) {
      const answer = await send(rig.httpPort, { path, body: body() });
      expect([path, answer.status]).toEqual([path, 404]);
      expect(statusOf(answer)).toMatchObject({ code: 12 });
    }
    expect((await send(rig.httpPort, { path: '/v1/metrics?a=b', body: body() })).status).toBe(200);
  });

  it('point 16: takes any case and parameters of the content type, and says 415 to others', async () => {
    const rig = await rigWith();
    const upper = { 'content-type': 'APPLICATION/JSON; charset=utf-8' };
    const answer = await send(rig.httpPort, { headers: upper, body: jsonBody() });
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    for (const type of ['text/plain', 'application/protobuf', 'application/grpc']) {
      const refused = await send(rig.httpPort, { headers: { 'content-type': type }, body: body() });
      expect([type, refused.status]).toEqual([type, 415]);
      expect(statusOf(refused)).toMatchObject({ message: expect.stringContaining('Content-Type') });
    }
    expect((await send(rig.httpPort, { headers: {}, body: body() })).status).toBe(415);
  });

  it('points 1 and 18: says 415 with a Status to a coding it lacks', async () => {
    const rig = await rigWith();
    for (const [headers, coding] of [
      [PROTOBUF, 'snappy'],
      [JSON_TYPE, 'deflate'],
    ] as const) {
      const answer = await send(rig.httpPort, {
        headers: { ...headers, 'content-encoding': coding },
        body: body(),
      });
      expect(answer.status).toBe(415);
      expect(answer.headers['content-type']).toBe(headers['content-type']);
      expect(statusOf(answer)).toMatchObject({ message: expect.stringContaining(coding) });
      expect(answer.headers['accept-encoding']).toBe('gzip, zstd');
    }
  });

  it('point 17: says 413 to a body beyond the limit, with and without a length, and to bombs', async () => {
    const message = body();
    const exact = await rigWith({ limits: { bodyBytes: message.length } });
    expect((await send(exact.httpPort, { body: message })).status).toBe(200);
    const halves = [message.subarray(0, 10), message.subarray(10)];
    expect((await send(exact.httpPort, { body: halves })).status).toBe(200);

    const rig = await rigWith({ limits: { bodyBytes: message.length - 1 } });
    const bomb = Buffer.alloc(message.length);
    const cases = [
      { body: message },
      { body: halves },
      { body: gzipSync(bomb), headers: { ...PROTOBUF, 'content-encoding': 'gzip' } },
      { body: zstdCompressSync(bomb), headers: { ...PROTOBUF, 'content-encoding': 'zstd' } },
    ];
    for (const each of cases) {
      const answer = await send(rig.httpPort, each);
      expect(answer.status).toBe(413);
      expect(statusOf(answer)).toMatchObject({ code: 8 });
      expect(answer.headers['retry-after']).toBeUndefined();
    }
    expect(rig.counters()).toMatchObject({ refused: { tooLarge: 4 }, budgetBytes: 0, inFlight: 0 });
  });

  it('point 17: answers 413 while a large body is still being sent', async () => {
    const rig = await rigWith({ limits: { bodyBytes: 100 } });
    const headers = { ...PROTOBUF, 'content-length': String(8 * 2 ** 20) };
    const answer = await send(rig.httpPort, { headers, body: [Buffer.alloc(8 * 2 ** 20)] });
    expect(answer.status).toBe(413);
    expect(answer.headers.connection).toBe('close');
  });

  it('points 18 and 19: says 400 with BadRequest in the form of the request', async () => {
    const rig = await rigWith();
    const cases = [
      { headers: PROTOBUF, body: body().subarray(0, 20) },
      { headers: JSON_TYPE, body: Buffer.from('{"resourceMetrics":') },
      { headers: { ...PROTOBUF, 'content-encoding': 'gzip' }, body: body() },
      { headers: { ...PROTOBUF, 'content-encoding': 'gzip' }, body: Buffer.alloc(0) },
      { headers: { ...JSON_TYPE, 'content-encoding': 'zstd' }, body: Buffer.from('not zstd') },
    ];
    for (const each of cases) {
      const answer = await send(rig.httpPort, each);
      expect(answer.status).toBe(400);
      expect(answer.headers['content-type']).toBe(each.headers['content-type']);
      const status = statusOf(answer);
      expect(status).toMatchObject({ code: 3 });
      if (answer.headers['content-type'] === 'application/json') {
        expect(status).toMatchObject({
          details: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest' }],
        });
      } else expect(detailsOf(status)).toMatchObject([{ type: 'BadRequest' }]);
    }
    expect(rig.sink.batches).toHaveLength(0);
  });

  it('point 20: says 429 with Retry-After in whole seconds when busy, 503 when nobody is there', async () => {
    const rig = await rigWith();
    rig.sink.answer = { kind: 'busy', retryAfterMs: 2_500 };
    const busy = await send(rig.httpPort, { headers: JSON_TYPE, body: jsonBody() });
    expect(busy).toMatchObject({ status: 429, headers: { 'retry-after': '3' } });
    expect(statusOf(busy)).toMatchObject({
      code: 14,
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '2.5s' }],
    });
    const forward: Forward = async () => {
      throw new Error('the worker died');
    };
    const lost = await rigWith({ forward });
    const answer = await send(lost.httpPort, { body: body() });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(detailsOf(statusOf(answer))).toMatchObject([{ type: 'RetryInfo' }]);
  });

  it('point 20: says 429 beyond the budget, for declared and for chunked bodies', async () => {
    const message = body();
    const release = Promise.withResolvers<void>();
    const forward: Forward = async () => {
      await release.promise;
      return { kind: 'accepted' };
    };
    const limits = { bodyBytes: message.length, budgetBytes: message.length };
    const rig = await rigWith({ forward, limits });
    const first = send(rig.httpPort, { body: message });
    await until(() => rig.counters().bodyBytes > 0);
    expect((await send(rig.httpPort, { body: message })).status).toBe(429);
    expect((await send(rig.httpPort, { body: [message] })).status).toBe(429);
    release.resolve();
    expect((await first).status).toBe(200);
    expect((await send(rig.httpPort, { body: [message] })).status).toBe(200);
    expect(rig.counters()).toMatchObject({ refused: { budget: 2 }, budgetBytes: 0, inFlight: 0 });
  });

  it('point 22: keeps an idle connection longer than clients do', async () => {
    const rig = await rigWith();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    opened.push({ close: () => agent.destroy() });
    const first = await send(rig.httpPort, { body: body(), agent });
    const timeout = /timeout=(\d+)/.exec(String(first.headers['keep-alive']));
    expect(Number(timeout?.[1])).toBeGreaterThanOrEqual(120);
    // A refusal does not cost the connection.
    await send(rig.httpPort, { path: '/nowhere', body: body(), agent });
    await send(rig.httpPort, { body: body(), agent });
    expect(rig.counters().httpConnections).toBe(1);
  });

  it('asks for the body only after the checks when the client expects 100-continue', async () => {
    const rig = await rigWith({ limits: { bodyBytes: 1_000 } });
    const talk = (length: number): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(rig.httpPort, '127.0.0.1');
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1');
          if (text.endsWith('100 Continue\r\n\r\n')) socket.write(body());
          else if (text.includes('\r\n\r\n')) socket.end();
        });
        socket.on('close', () => resolve(text));
        socket.write(
          'POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n' +
            `Content-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
        );
      });
    expect(await talk(body().length)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
    expect(await talk(2_000)).toMatch(/^HTTP\/1.1 413 /);
  });

  it('gives up a slow body, and gives the memory back when the client goes away', async () => {
    const rig = await rigWith({ limits: { bodyTimeoutMs: 100 } });
    const headers = { ...PROTOBUF, 'content-length': '5000' };
    const slow = await new Promise<string>((resolve) => {
      const socket = connect(rig.httpPort, '127.0.0.1');
      socket.on('data', (chunk) => resolve(chunk.toString('latin1')));
      socket.write(
        `POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: ${headers['content-type']}\r\nContent-Length: 5000\r\n\r\nabc`,
      );
      opened.push({ close: () => socket.destroy() });
    });
    expect(slow).toMatch(/^HTTP\/1.1 503 /);
    const patient = await rigWith();
    const socket = connect(patient.httpPort, '127.0.0.1');
    socket.write(
      'POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 5000\r\n\r\nabc',
    );
    await until(() => patient.counters().budgetBytes === 5_000);
    socket.destroy();
    await until(() => patient.counters().inFlight === 0);
    expect(patient.counters()).toMatchObject({ refused: { reset: 1 }, budgetBytes: 0 });
  });

  it('answers what is not HTTP with a Status', async () => {
    const rig = await rigWith();
    const text = await new Promise<string>((resolve) => {
      const socket = connect(rig.httpPort, '127.0.0.1');
      let all = '';
      socket.on('data', (chunk) => {
        all += chunk.toString('latin1');
      });
      socket.on('close', () => resolve(all));
      socket.write('nonsense\r\n\r\n');
    });
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 3 });
  });

  it('point 23: ignores unknown fields of every wire type', async () => {
    const rig = await rigWith();
    const tag = (field: number, type: number): number[] => {
      const out: number[] = [];
      for (let rest = field * 8 + type; ; rest = Math.floor(rest / 128)) {
        if (rest < 128) return [...out, rest];
        out.push((rest % 128) | 128);
      }
    };
    const unknown = [100, 1_000, 536_870_911].flatMap((field) => [
      ...tag(field, 0),
      0x96,
      0x01,
      ...tag(field, 1),
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      ...tag(field, 2),
      3,
      9,
      9,
      9,
      ...tag(field, 3),
      ...tag(1, 0),
      7,
      ...tag(field, 4),
      ...tag(field, 5),
      1,
      2,
      3,
      4,
    ]);
    const message = Buffer.concat([Buffer.from(unknown), body(), Buffer.from(unknown)]);
    expect(await send(rig.httpPort, { body: message })).toMatchObject({ status: 200 });
    expect(rig.sink.batches[0]?.gauges).toHaveLength(1);
    expect(decode('ExportMetricsServiceRequest', body())).toBeDefined();
  });

  it('finishes open requests when it stops and refuses new ones', async () => {
    const release = Promise.withResolvers<void>();
    const forward: Forward = async () => {
      await release.promise;
      return { kind: 'accepted' };
    };
    const rig = await startRig({ forward, limits: { drainTimeoutMs: 20_000 } });
    const running = send(rig.httpPort, { body: body() });
    await until(() => rig.counters().bodyBytes > 0);
    const stopped = rig.stop();
    await expect(send(rig.httpPort, { body: body() })).rejects.toThrow();
    release.resolve();
    expect((await running).status).toBe(200);
    await stopped;
  });
});
