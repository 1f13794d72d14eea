// SPDX-License-Identifier: Apache-2.0
/** What no gRPC library would send, over raw HTTP/2 (the sixth of the usual mistakes in Node). */
import { connect as connectSocket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Forward } from '../../../src/monitor/otlp/receiver-context.ts';
import { begin, call, finish, frame, GRPC_PATHS, open } from '../../fixtures/otlp/grpc-client.ts';
import { type Rig, startRig } from '../../fixtures/otlp/receiver-rig.ts';
import { sampleBytes } from '../../fixtures/otlp/samples.ts';

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
const until = async (condition: () => boolean): Promise<void> => {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setImmediate(resolve));
  }
};

describe('GrpcServer', () => {
  it('joins a message whose prefix and content arrive byte by byte', async () => {
    const rig = await rigWith();
    const stream = begin(await connected(rig), METRICS);
    const answer = finish(stream);
    for (const byte of frame(body())) stream.write(Buffer.from([byte]));
    stream.end();
    expect((await answer).status).toBe(0);
    expect(rig.sink.batches).toHaveLength(1);
  });

  it('refuses a compressed flag without an encoding, and an unknown flag', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    expect((await call(session, METRICS, frame(gzipSync(body()), 1))).status).toBe(13);
    const identity = { 'grpc-encoding': 'identity' };
    expect((await call(session, METRICS, frame(body(), 1), identity)).status).toBe(13);
    expect((await call(session, METRICS, frame(body(), 2))).status).toBe(13);
    expect(rig.sink.batches).toHaveLength(0);
  });

  it('refuses an encoding it lacks cleanly, and lists what it takes', async () => {
    const rig = await rigWith();
    const headers = { 'grpc-encoding': 'snappy' };
    const answer = await call(await connected(rig), METRICS, frame(body(), 1), headers);
    expect(answer).toMatchObject({ status: 12, isTrailersOnly: true });
    expect(answer.headers['grpc-accept-encoding']).toBe('identity,gzip,zstd');
    expect(answer.message).toContain('snappy');
  });

  it('refuses no message, two messages and a message cut short', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    const message = frame(body());
    expect((await call(session, METRICS, Buffer.alloc(0))).status).toBe(12);
    expect((await call(session, METRICS, Buffer.concat([message, message]))).status).toBe(12);
    expect((await call(session, METRICS, message.subarray(0, 3))).status).toBe(13);
    expect((await call(session, METRICS, message.subarray(0, message.length - 1))).status).toBe(13);
    expect(rig.sink.batches).toHaveLength(0);
    expect(rig.counters()).toMatchObject({
      refused: { badFraming: 4 },
      budgetBytes: 0,
      inFlight: 0,
    });
  });

  it('takes each form of the gRPC content type and says 415 or 405 to anything else', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    for (const type of ['application/grpc', 'application/grpc+proto', 'Application/GRPC; a=b']) {
      const answer = await call(session, METRICS, frame(body()), { 'content-type': type });
      expect([type, answer.status]).toEqual([type, 0]);
    }
    for (const type of ['application/json', 'application/grpc+json', 'application/grpcx', '']) {
      const answer = await call(session, METRICS, frame(body()), { 'content-type': type });
      expect([type, answer.headers[':status']]).toEqual([type, 415]);
    }
    const put = await call(session, METRICS, frame(body()), { ':method': 'PUT' });
    expect(put.headers[':status']).toBe(405);
  });

  it('percent-encodes grpc-message', async () => {
    const forward: Forward = async () => ({ kind: 'invalid', message: '100 % größer\n\u{1f600}' });
    const rig = await rigWith({ forward });
    const answer = await call(await connected(rig), METRICS, frame(body()));
    expect(answer.headers['grpc-message']).toBe('100 %25 gr%C3%B6%C3%9Fer%0A%F0%9F%98%80');
    expect(answer.message).toBe('100 % größer\n\u{1f600}');
  });

  it('honours grpc-timeout while the body comes and while the analysis works', async () => {
    const forward: Forward = () => new Promise(() => {});
    const rig = await rigWith({ forward });
    const session = await connected(rig);
    const timeout = { 'grpc-timeout': '20m' };
    expect((await call(session, METRICS, frame(body()), timeout)).status).toBe(4);
    const stream = begin(session, METRICS, timeout);
    const answer = finish(stream);
    stream.write(frame(body()).subarray(0, 7));
    expect((await answer).status).toBe(4);
    const wrong = await call(session, METRICS, frame(body()), { 'grpc-timeout': '1x' });
    expect(wrong.status).toBe(13);
  });

  it('gives up a body that stalls', async () => {
    const rig = await rigWith({ limits: { bodyTimeoutMs: 50 } });
    const stream = begin(await connected(rig), METRICS);
    const answer = finish(stream);
    stream.write(frame(body()).subarray(0, 7));
    expect((await answer).status).toBe(4);
    expect(rig.counters()).toMatchObject({ refused: { slowBody: 1 }, budgetBytes: 0, inFlight: 0 });
  });

  it('gives the memory back when the client resets in the middle of a body', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    const stream = begin(session, METRICS);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(32 * 2 ** 20, 1);
    stream.write(Buffer.concat([prefix, Buffer.alloc(1_000)]));
    await until(() => rig.counters().budgetBytes === 65_536);
    stream.destroy();
    await until(() => rig.counters().budgetBytes === 0);
    expect(rig.counters()).toMatchObject({ refused: { reset: 1 }, inFlight: 0 });
    expect((await call(session, METRICS, frame(body()))).status).toBe(0);
  });

  it('leaves room for others beside senders that declare much and send little', async () => {
    const rig = await rigWith({ limits: { bodyBytes: 2 ** 20, budgetBytes: 2 ** 21 } });
    const session = await connected(rig);
    const prefix = Buffer.alloc(6);
    prefix.writeUInt32BE(2 ** 20, 1);
    const slow = Array.from({ length: 8 }, () => begin(session, METRICS));
    for (const stream of slow) stream.write(prefix);
    await until(() => rig.counters().inFlight === slow.length);
    expect(rig.counters().budgetBytes).toBe(slow.length * 65_536);
    expect((await call(session, METRICS, frame(body()))).status).toBe(0);
    for (const stream of slow) stream.destroy();
    await until(() => rig.counters().budgetBytes === 0);
  });

  it('takes a large body in pieces and hands on exactly its bytes', async () => {
    const bodies: ArrayBuffer[] = [];
    const rig = await rigWith({
      forward: (job) => {
        bodies.push(job.body);
        return Promise.resolve({ kind: 'accepted' });
      },
    });
    const large = Buffer.from(Array.from({ length: 300_001 }, (_, index) => index % 251));
    expect((await call(await connected(rig), METRICS, frame(large))).status).toBe(0);
    expect(bodies.map((each) => Buffer.compare(Buffer.from(each), large))).toEqual([0]);
    expect(rig.counters()).toMatchObject({ budgetBytes: 0, inFlight: 0, bodyBytes: 300_001 });
  });

  it('gives the memory back when the connection breaks', async () => {
    const rig = await rigWith();
    const session = await open(rig.grpcPort);
    begin(session, METRICS).write(frame(Buffer.alloc(1_000)).subarray(0, 500));
    await until(() => rig.counters().budgetBytes === 1_000);
    session.destroy();
    await until(() => rig.counters().grpcSessions === 0);
    expect(rig.counters()).toMatchObject({ budgetBytes: 0, inFlight: 0 });
  });

  it('keeps the connection usable after refusing much more than its window', async () => {
    const rig = await rigWith({ limits: { bodyBytes: 1_000 } });
    const session = await connected(rig);
    for (let round = 0; round < 30; round += 1) {
      const answer = await call(session, METRICS, frame(Buffer.alloc(2 ** 20)));
      expect(answer.status).toBe(8);
    }
    expect((await call(session, METRICS, frame(body()))).status).toBe(0);
  });

  it('cuts off a client that opens and resets calls without end', async () => {
    const rig = await rigWith();
    const session = await connected(rig);
    // Each round opens and resets a hundred calls; a patient server would let all rounds pass.
    let rounds = 0;
    while (!session.closed && !session.destroyed && rounds < 500) {
      rounds += 1;
      for (let index = 0; index < 100 && !session.closed && !session.destroyed; index += 1) {
        begin(session, METRICS).close(8);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(rounds).toBeLessThan(500);
    const other = await connected(rig);
    expect((await call(other, METRICS, frame(body()))).status).toBe(0);
    await until(() => rig.counters().inFlight === 0);
  });

  it('closes a connection that does not speak HTTP/2', async () => {
    const rig = await rigWith();
    const socket = connectSocket(rig.grpcPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await closed;
    expect((await call(await connected(rig), METRICS, frame(body()))).status).toBe(0);
  });

  it('finishes open calls when it stops, sends GOAWAY and takes no new ones', async () => {
    const release = Promise.withResolvers<void>();
    const forward: Forward = async () => {
      await release.promise;
      return { kind: 'accepted' };
    };
    const rig = await startRig({ forward, limits: { drainTimeoutMs: 20_000 } });
    const session = await open(rig.grpcPort);
    const isAway = new Promise((resolve) => session.once('goaway', resolve));
    const running = call(session, METRICS, frame(body()));
    await until(() => rig.counters().bodyBytes > 0);
    const stopped = rig.stop();
    await isAway;
    await expect(open(rig.grpcPort)).rejects.toThrow();
    release.resolve();
    expect((await running).status).toBe(0);
    await stopped;
  });
});
