// SPDX-License-Identifier: Apache-2.0
/**
 * The twelve usual mistakes of OTLP servers written for Node, each one test end to end. The gRPC
 * client is @grpc/grpc-js, an independent implementation.
 */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import {
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { SinkAnswer } from '../../../src/domain/telemetry.ts';
import { Columns } from '../../../src/monitor/otlp/columns.ts';
import { decodeRequest } from '../../../src/monitor/otlp/decode.ts';
import { GRPC_PATHS } from '../../fixtures/otlp/grpc-client.ts';
import { JSON_TYPE, PROTOBUF, send } from '../../fixtures/otlp/http-client.ts';
import { decode, encode } from '../../fixtures/otlp/oracle.ts';
import { type Rig, startRig } from '../../fixtures/otlp/receiver-rig.ts';
import {
  gauge,
  logsRequest,
  metricsRequest,
  nano,
  sampleBytes,
  serverSpan,
  tracesRequest,
} from '../../fixtures/otlp/samples.ts';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

const start = async (options: Parameters<typeof startRig>[0] = {}): Promise<Rig> => {
  const rig = await startRig({ ...options, limits: { drainTimeoutMs: 500, ...options.limits } });
  opened.push({ close: () => rig.stop() });
  return rig;
};

/** One unary call of grpc-js. */
const call = (
  rig: Rig,
  body: Buffer,
  options: { path?: string; compression?: compressionAlgorithms } = {},
): Promise<{ response?: Buffer; error?: ServiceError }> => {
  const client = new Client(`127.0.0.1:${rig.grpcPort}`, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': options.compression ?? compressionAlgorithms.identity,
  });
  opened.push(client);
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      options.path ?? GRPC_PATHS.metrics,
      same,
      same,
      body,
      new Metadata(),
      (error, response) =>
        resolve(error === null ? { response: response ?? Buffer.alloc(0) } : { error }),
    );
  });
};
const metricsBytes = (points: object[]): Buffer =>
  encode(
    'ExportMetricsServiceRequest',
    metricsRequest([gauge('container.memory.rss', points as Record<string, unknown>[])]),
  );
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

describe('the twelve mistakes of Node', () => {
  it('1: nanoseconds and 64-bit integers do not go through a double', async () => {
    const rig = await start();
    const timeMs = Math.floor(Date.now() / 1_000) * 1_000;
    // The last nanosecond of a millisecond: a double would round it up to the next one.
    const timeUnixNano = String(BigInt(timeMs) * 1_000_000n + 999_999n);
    await call(rig, metricsBytes([{ timeUnixNano, asInt: '9007199254740992' }]));
    expect(rig.sink.batches[0]?.gauges).toMatchObject([{ timeMs, value: 2 ** 53 }]);
    const negative = await call(
      rig,
      metricsBytes([{ timeUnixNano, asInt: '-9223372036854775808' }]),
    );
    expect(decode('ExportResponse', negative.response!.subarray(0))).toMatchObject({
      partialSuccess: { rejected: '1' },
    });
  });

  it('2: unquoted 64-bit numbers of JSON are not rounded', async () => {
    const rig = await start();
    const timeMs = Math.floor(Date.now() / 1_000) * 1_000;
    const text = json(
      metricsRequest([gauge('container.memory.rss', [{ timeUnixNano: 'T', asInt: 5 }])]),
    )
      .toString()
      .replace('"T"', String(BigInt(timeMs) * 1_000_000n + 999_999n));
    await send(rig.httpPort, { headers: JSON_TYPE, body: Buffer.from(text) });
    expect(rig.sink.batches[0]?.gauges).toMatchObject([{ timeMs }]);
  });

  it('3: ids of JSON are hex, enum names and snake_case are not taken', async () => {
    const columns = new Columns();
    const read = (span: object) =>
      decodeRequest(
        {
          signal: 'traces',
          contentType: 'json',
          encoding: '',
          body: json({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
          limitBytes: 1 << 20,
        },
        columns,
      ).kind;
    expect(read({ traceId: '0102030405060708090a0b0c0d0e0f10' })).toBe('decoded');
    expect([...columns.spans.traceId.subarray(0, 4)]).toEqual([
      0x01020304, 0x05060708, 0x090a0b0c, 0x0d0e0f10,
    ]);
    expect(read({ kind: 'SPAN_KIND_SERVER' })).toBe('invalid');
    expect(read({ trace_id: 'ff'.repeat(16) })).toBe('decoded');
    expect(columns.spans.traceIdLength[0]).toBe(0);
  });

  it('4: every frame of zstd and every member of gzip is read, and the limit counts all', async () => {
    const rig = await start({ limits: { bodyBytes: 1_000 } });
    // Two halves of a request joined on the wire are one request with both resources.
    const body = sampleBytes('logs', Date.now());
    for (const [encoding, pack] of [
      ['zstd', zstdCompressSync],
      ['gzip', gzipSync],
    ] as const) {
      const headers = { ...PROTOBUF, 'content-encoding': encoding };
      const both = Buffer.concat([pack(body), pack(body)]);
      await send(rig.httpPort, { path: '/v1/logs', headers, body: both });
      expect(rig.sink.batches.at(-1)?.items).toBe(2);
      const many = Buffer.concat(Array.from({ length: 10 }, () => pack(Buffer.alloc(101))));
      expect((await send(rig.httpPort, { path: '/v1/logs', headers, body: many })).status).toBe(
        413,
      );
    }
  });

  it('5: a message above 4 MiB is taken, and a bad one is INVALID_ARGUMENT, not INTERNAL', async () => {
    const rig = await start();
    const large = encode(
      'ExportLogsServiceRequest',
      logsRequest([{ body: { stringValue: 'x'.repeat(5 * 2 ** 20) } }]),
    );
    const path = GRPC_PATHS.logs;
    expect((await call(rig, large, { path })).response).toEqual(Buffer.alloc(0));
    const compression = compressionAlgorithms.gzip;
    expect((await call(rig, large, { path, compression })).response).toEqual(Buffer.alloc(0));
    const deflated = await call(rig, large, { path, compression: compressionAlgorithms.deflate });
    expect(deflated.error?.code).toBe(12);
    expect((await call(rig, Buffer.from('not protobuf'), { path })).error?.code).toBe(3);
    expect((await call(rig, large, { path: '/no.Service/Method' })).error?.code).toBe(12);
  });

  it('6: errors reach an independent client with code, text and details', async () => {
    const rig = await start();
    rig.sink.answer = { kind: 'busy', retryAfterMs: 1_000 };
    const { error } = await call(rig, sampleBytes('metrics', Date.now()));
    expect(error).toMatchObject({ code: 14, details: 'the analysis is busy' });
    const [binary] = error!.metadata.get('grpc-status-details-bin') as Buffer[];
    expect(decode('RpcStatus', binary!)).toMatchObject({
      code: 14,
      details: [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo' }],
    });
  });

  it('7: the server keeps idle connections for 120 s or more', async () => {
    const rig = await start();
    const answer = await send(rig.httpPort, {
      headers: { ...PROTOBUF, connection: 'keep-alive' },
      body: sampleBytes('logs', Date.now()),
      path: '/v1/logs',
    });
    expect(answer.headers['keep-alive']).toBe('timeout=180');
  });

  it('8: success is a valid empty message with its content type', async () => {
    const rig = await start();
    const body = sampleBytes('traces', Date.now());
    const protobuf = await send(rig.httpPort, { path: '/v1/traces', body });
    expect(protobuf.headers['content-type']).toBe('application/x-protobuf');
    expect(protobuf.body).toHaveLength(0);
    const text = await send(rig.httpPort, {
      path: '/v1/traces',
      headers: JSON_TYPE,
      body: json({}),
    });
    expect(text.headers['content-type']).toBe('application/json');
    expect(JSON.parse(text.body.toString())).toEqual({});
  });

  it('9: invalid UTF-8 and duplicate keys do not break a batch', async () => {
    const rig = await start();
    const body = sampleBytes('metrics', Date.now());
    const at = body.indexOf('web-1');
    body[at] = 0xff;
    expect((await call(rig, body)).response).toEqual(Buffer.alloc(0));
    // The broken name names nothing; the rest of the batch stands.
    expect(rig.sink.batches[0]?.gauges[0]?.claim).toMatchObject({ podUid: 'uid-1', podName: '?' });
  });

  it('10: nothing is acknowledged before the sink has accepted it', async () => {
    const rig = await start();
    const accepted = Promise.withResolvers<SinkAnswer>();
    const offered = Promise.withResolvers<void>();
    rig.sink.offer = () => {
      offered.resolve();
      return accepted.promise;
    };
    let isAnswered = false;
    const answer = call(rig, sampleBytes('metrics', Date.now())).then((result) => {
      isAnswered = true;
      return result;
    });
    await offered.promise;
    // A whole request and answer of another connection go by meanwhile.
    expect((await send(rig.httpPort, { path: '/nowhere' })).status).toBe(404);
    expect(isAnswered).toBe(false);
    accepted.resolve({ kind: 'accepted' });
    expect((await answer).response).toEqual(Buffer.alloc(0));
  });

  it('11: partial success counts what is dropped: time 0, bad ids, and what the sink refuses', async () => {
    const rig = await start();
    const now = Date.now();
    const spans = encode(
      'ExportTraceServiceRequest',
      tracesRequest([
        serverSpan(now),
        serverSpan(now, { spanId: Buffer.alloc(8) }),
        serverSpan(now, { traceId: Buffer.alloc(15, 1) }),
      ]),
    );
    const rejected = async (path: string, body: Buffer) =>
      decode('ExportResponse', (await call(rig, body, { path })).response!)['partialSuccess'];
    expect(await rejected(GRPC_PATHS.traces, spans)).toMatchObject({ rejected: '2' });
    rig.sink.answer = { kind: 'partial', rejected: 1, message: 'the pod is not known' };
    const points = metricsBytes([
      { timeUnixNano: '0', asInt: '1' },
      { timeUnixNano: nano(now), asInt: '1' },
      { timeUnixNano: nano(now + 1), asInt: '1' },
    ]);
    expect(await rejected(GRPC_PATHS.metrics, points)).toEqual({
      rejected: '2',
      errorMessage: '1 rejected: the time must not be 0; the pod is not known',
    });
    rig.sink.answer = { kind: 'accepted' };
    const logs = encode('ExportLogsServiceRequest', logsRequest([{ traceId: Buffer.alloc(3, 1) }]));
    expect((await call(rig, logs, { path: GRPC_PATHS.logs })).response).toEqual(Buffer.alloc(0));
  });

  it('12: a content type in capitals with a charset is JSON', async () => {
    const rig = await start();
    const headers = { 'content-type': 'Application/JSON; Charset=UTF-8' };
    const answer = await send(rig.httpPort, { headers, body: json({}) });
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
  });
});
