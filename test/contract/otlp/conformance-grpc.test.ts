// SPDX-License-Identifier: Apache-2.0
/** The points of the OTLP specification that concern gRPC, against a real server on a real socket. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Forward } from '../../../src/monitor/otlp/receiver-context.ts';
import { begin, call, finish, frame, GRPC_PATHS, open } from '../../fixtures/otlp/grpc-client.ts';
import { decode, encode, SIGNALS } from '../../fixtures/otlp/oracle.ts';
import { type Rig, startRig } from '../../fixtures/otlp/receiver-rig.ts';
import { gauge, metricsRequest, nano, sampleBytes } from '../../fixtures/otlp/samples.ts';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

const rigWith = async (options: Parameters<typeof startRig>[0] = {}): Promise<Rig> => {
  const rig = await startRig({ ...options, limits: { drainTimeoutMs: 500, ...options.limits } });
  opened.push({ close: () => rig.stop() });
  return rig;
};
const connected = async (rig: Rig) => {
  const session = await open(rig.grpcPort);
  opened.push({ close: () => session.destroy() });
  return session;
};
const METRICS = GRPC_PATHS.metrics;
const body = () => sampleBytes('metrics', Date.now());

/** Waits until a condition holds; the deadline is generous. */
const until = async (condition: () => boolean): Promise<void> => {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setImmediate(resolve));
  }
};

describe('OTLP/gRPC', () => {
  it('point 1: takes no compression, identity, gzip and zstd for each signal', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    for (const signal of SIGNALS) {
      const plain = sampleBytes(signal, Date.now());
      const forms = [
        { message: frame(plain), headers: {} },
        { message: frame(plain), headers: { 'grpc-encoding': 'identity' } },
        { message: frame(plain), headers: { 'grpc-encoding': 'gzip' } },
        { message: frame(gzipSync(plain), 1), headers: { 'grpc-encoding': 'gzip' } },
        { message: frame(zstdCompressSync(plain), 1), headers: { 'grpc-encoding': 'zstd' } },
      ];
      for (const { message, headers } of forms) {
        const answer = await call(session, GRPC_PATHS[signal], message, headers);
        expect(answer).toMatchObject({ status: 0, body: Buffer.alloc(5) });
      }
    }
    expect(rig.sink.batches.map((batch) => batch.items)).toEqual(new Array(15).fill(1));
    expect(rig.counters()).toMatchObject({
      requests: { grpc: { traces: 5, metrics: 5, logs: 5 } },
      acknowledged: { traces: 5, metrics: 5, logs: 5 },
      budgetBytes: 0,
      inFlight: 0,
    });
  });

  it('point 2: says UNIMPLEMENTED to profiles and to any other method, with HTTP 200', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    const profiles = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export';
    for (const path of [profiles, '/', '/constructor', `${METRICS}x`]) {
      const answer = await call(session, path, frame(body()));
      expect(answer).toMatchObject({ status: 12, isTrailersOnly: true });
      expect(answer.headers[':status']).toBe(200);
    }
    expect(rig.counters().refused.badPath).toBe(4);
  });

  it('point 3: takes a message of the limit and refuses one byte more without RetryInfo', async () => {
    const message = body();
    const exact = await rigWith({ limits: { bodyBytes: message.length } });
    expect((await call(await connected(exact), METRICS, frame(message))).status).toBe(0);
    const short = await rigWith({ limits: { bodyBytes: message.length - 1 } });
    const session = await connected(short);
    expect(await call(session, METRICS, frame(message))).toMatchObject({ status: 8, details: [] });
    const packed = frame(gzipSync(Buffer.alloc(message.length)), 1);
    const bomb = await call(session, METRICS, packed, { 'grpc-encoding': 'gzip' });
    expect(bomb).toMatchObject({ status: 8, details: [] });
    expect(short.counters().refused.tooLarge).toBe(2);
  });

  it('point 3: refuses a declared length of 4 GiB at once, from the five bytes alone', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    const stream = begin(session, METRICS);
    const answer = finish(stream);
    stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    expect(await answer).toMatchObject({ status: 8 });
    expect(rig.counters().budgetBytes).toBe(0);
  });

  it('point 4: answers 128 concurrent calls on one connection', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    const answers = await Promise.all(
      Array.from({ length: 128 }, () => call(session, METRICS, frame(body()))),
    );
    expect(answers.map((answer) => answer.status)).toEqual(new Array(128).fill(0));
  });

  it('point 5: shortens the message of a response and keeps its count', async () => {
    const rig = await rigWith();
    rig.sink.answer = { kind: 'partial', rejected: 1, message: 'ü'.repeat(10 * 2 ** 20) };
    const answer = await call(await connected(rig), METRICS, frame(body()));
    expect(answer.body.length).toBeLessThan(4 * 2 ** 20);
    const response = decode('ExportResponse', answer.body.subarray(5));
    expect(response).toMatchObject({ partialSuccess: { rejected: '1' } });
  });

  it('point 6: takes an empty message and empty envelopes', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    for (const message of [
      Buffer.alloc(0),
      encode('ExportMetricsServiceRequest', metricsRequest([])),
    ]) {
      expect(await call(session, METRICS, frame(message))).toMatchObject({
        status: 0,
        body: Buffer.alloc(5),
      });
    }
  });

  it('point 8: counts rejected items in partial_success, with status 0', async () => {
    const rig = await rigWith();
    const now = Date.now();
    const points = [
      { timeUnixNano: nano(now), asInt: '1' },
      { timeUnixNano: nano(now + 1), asInt: '2' },
      { timeUnixNano: nano(now + 2), asInt: '3' },
      { timeUnixNano: '0', asInt: '4' },
      { timeUnixNano: nano(now) },
    ];
    const message = encode(
      'ExportMetricsServiceRequest',
      metricsRequest([gauge('container.memory.rss', points)]),
    );
    const answer = await call(await connected(rig), METRICS, frame(message));
    expect(answer.status).toBe(0);
    const response = decode('ExportResponse', answer.body.subarray(5));
    expect(response).toEqual({
      partialSuccess: {
        rejected: '2',
        errorMessage: expect.stringContaining('1 rejected: the time must not be 0'),
      },
    });
    expect(rig.sink.batches[0]?.gauges).toHaveLength(3);
  });

  it('point 9: warns of an old metric name with 0 rejected, once an hour', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    const request = (n: number) =>
      encode(
        'ExportMetricsServiceRequest',
        metricsRequest([
          {
            name: 'http.server.duration',
            unit: 'ms',
            histogram: {
              aggregationTemporality: 2,
              dataPoints: [{ timeUnixNano: nano(Date.now() + n), count: '1', bucketCounts: ['1'] }],
            },
          },
        ]),
      );
    const first = await call(session, METRICS, frame(request(1)));
    expect(decode('ExportResponse', first.body.subarray(5))).toEqual({
      partialSuccess: {
        errorMessage: 'the metric http.server.duration is now called http.server.request.duration',
      },
    });
    const second = await call(session, METRICS, frame(request(2)));
    expect(second.body).toEqual(Buffer.alloc(5));
  });

  it('points 10 and 13: says UNAVAILABLE with RetryInfo when the sink is busy', async () => {
    const rig = await rigWith();
    rig.sink.answer = { kind: 'busy', retryAfterMs: 2_500 };
    expect(await call(await connected(rig), METRICS, frame(body()))).toMatchObject({
      status: 14,
      details: [{ type: 'RetryInfo', retryDelay: { seconds: '2', nanos: 500_000_000 } }],
    });
    expect(rig.counters().acknowledged.metrics).toBe(0);
  });

  it('points 11 and 12: says INVALID_ARGUMENT with BadRequest, or succeeds, at every truncation', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    const message = body();
    const seen = new Set<number>();
    for (let length = 0; length < message.length; length += 1) {
      const answer = await call(session, METRICS, frame(message.subarray(0, length)));
      seen.add(answer.status);
      if (answer.status === 0) continue;
      expect(answer.status).toBe(3);
      expect(answer.details).toMatchObject([{ type: 'BadRequest', fieldViolations: [{}] }]);
    }
    expect([...seen].sort()).toEqual([0, 3]);
  });

  it('point 13: refuses beyond the budget before the body is read, and takes it later', async () => {
    const message = body();
    const release = Promise.withResolvers<void>();
    const forward: Forward = async () => {
      await release.promise;
      return { kind: 'accepted' };
    };
    const rig = await rigWith({
      forward,
      limits: { bodyBytes: message.length, budgetBytes: message.length },
    });
    const session = await connected(rig);
    const first = call(session, METRICS, frame(message));
    await until(() => rig.counters().bodyBytes > 0);
    const second = begin(session, METRICS);
    const answer = finish(second);
    second.write(frame(message).subarray(0, 5));
    expect(await answer).toMatchObject({ status: 14, details: [{ type: 'RetryInfo' }] });
    release.resolve();
    expect((await first).status).toBe(0);
    expect((await call(session, METRICS, frame(message))).status).toBe(0);
    expect(rig.counters()).toMatchObject({ budgetBytes: 0, inFlight: 0 });
  });

  it('point 14: names the port and the setting when the port is in use', async () => {
    const rig = await rigWith();
    const { startReceiver } = await import('../../../src/monitor/otlp/receiver.ts');
    const free = { host: '127.0.0.1', port: 0, setting: 'otlp.http.port' };
    const taken = { host: '127.0.0.1', port: rig.grpcPort, setting: 'otlp.grpc.port' };
    const forward: Forward = async () => ({ kind: 'accepted' });
    await expect(startReceiver({ grpc: taken, http: free, forward })).rejects.toThrow(
      `port ${rig.grpcPort} on 127.0.0.1 is in use; set another one with \`otlp.grpc.port\``,
    );
    await expect(
      startReceiver({ grpc: free, http: { ...taken, setting: 'otlp.http.port' }, forward }),
    ).rejects.toThrow('`otlp.http.port`');
  });
});
