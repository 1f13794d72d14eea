// SPDX-License-Identifier: Apache-2.0
/** The receiver on its own thread, with an analysis worker that answers, dies and comes back. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type ReceiverHandle,
  startReceiverThread,
} from '../../../src/monitor/otlp/receiver-handle.ts';
import { call, frame, GRPC_PATHS, open } from '../../fixtures/otlp/grpc-client.ts';
import { send } from '../../fixtures/otlp/http-client.ts';
import { sampleBytes } from '../../fixtures/otlp/samples.ts';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

const start = async (port = 0): Promise<ReceiverHandle> => {
  const handle = await startReceiverThread({
    grpc: { host: '127.0.0.1', port, setting: 'otlp.grpc.port' },
    http: { host: '127.0.0.1', port: 0, setting: 'otlp.http.port' },
    limits: { drainTimeoutMs: 500 },
  });
  opened.push({ close: () => handle.stop() });
  return handle;
};

const ANALYSIS = new URL('../../fixtures/otlp/analysis-worker.ts', import.meta.url);
const startAnalysis = (mode: 'ingest' | 'silent') => {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(ANALYSIS, { workerData: { port: port2, mode }, transferList: [port2] });
  opened.push({ close: () => worker.terminate() });
  return { port: port1, worker };
};

const body = () => sampleBytes('metrics', Date.now());

describe('startReceiverThread', () => {
  it('acknowledges what the analysis worker accepted, and counts on request', async () => {
    const handle = await start();
    handle.attach(startAnalysis('ingest').port);
    const session = await open(handle.grpcPort);
    opened.push({ close: () => session.destroy() });
    expect((await call(session, GRPC_PATHS.metrics, frame(body()))).status).toBe(0);
    expect((await send(handle.httpPort, { body: body() })).status).toBe(200);
    const broken = body().subarray(0, 30);
    expect((await call(session, GRPC_PATHS.metrics, frame(broken))).status).toBe(3);
    expect(await handle.counters()).toMatchObject({
      requests: { grpc: { metrics: 2 }, http: { metrics: 1 } },
      acknowledged: { metrics: 2 },
      refused: { invalid: 1 },
      budgetBytes: 0,
      grpcSessions: 1,
    });
  });

  it('says UNAVAILABLE before an analysis worker is attached', async () => {
    const handle = await start();
    expect((await send(handle.httpPort, { body: body() })).status).toBe(503);
  });

  it('says UNAVAILABLE for open requests when the worker dies, and goes on with a new one', async () => {
    const handle = await start();
    const dying = startAnalysis('silent');
    handle.attach(dying.port);
    const session = await open(handle.grpcPort);
    opened.push({ close: () => session.destroy() });
    const received = new Promise((resolve) => dying.worker.once('message', resolve));
    const running = call(session, GRPC_PATHS.metrics, frame(body()));
    await received;
    await dying.worker.terminate();
    expect(await running).toMatchObject({ status: 14, details: [{ type: 'RetryInfo' }] });
    expect((await handle.counters()).budgetBytes).toBe(0);
    handle.attach(startAnalysis('ingest').port);
    expect((await call(session, GRPC_PATHS.metrics, frame(body()))).status).toBe(0);
  });

  it('rejects with the port and the setting when the port is in use', async () => {
    const handle = await start();
    await expect(start(handle.grpcPort)).rejects.toThrow(
      `port ${handle.grpcPort} on 127.0.0.1 is in use; set another one with \`otlp.grpc.port\``,
    );
  });

  it('ends when it is stopped', async () => {
    const handle = await start();
    await handle.stop();
    expect(await handle.ended).toBeUndefined();
    await expect(handle.counters()).rejects.toThrow('has ended');
    await expect(open(handle.grpcPort)).rejects.toThrow();
  });
});
