// SPDX-License-Identifier: Apache-2.0
/** The real receiver thread and the real analysis worker, from OTLP on a socket to evidence. */
import type { ClientHttp2Session } from 'node:http2';
import { Worker } from 'node:worker_threads';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Binding } from '../../src/domain/analysis.ts';
import type { ContainerFacts, ObjectDelta } from '../../src/domain/entity.ts';
import type { Evidence } from '../../src/domain/evidence.ts';
import { systemClock } from '../../src/instrumentation/system-clock.ts';
import type { ReceiverHandle } from '../../src/monitor/otlp/receiver-handle.ts';
import {
  startTelemetryThreads,
  type TelemetryIncident,
  type TelemetryThreads,
  type TelemetryThreadsOptions,
} from '../../src/telemetry-threads.ts';
import { call, frame, GRPC_PATHS, open } from '../fixtures/otlp/grpc-client.ts';
import { encode, REQUEST_TYPES } from '../fixtures/otlp/oracle.ts';
import { gauge, metricsRequest, nano } from '../fixtures/otlp/samples.ts';

const MIB = 2 ** 20;
const DEADLINE = { timeout: 50_000, interval: 20 };
const UNAVAILABLE = 14;
const LOCAL = { host: '127.0.0.1', port: 0 };
const trigger = { policyUid: 'p', policyNamespace: 'shop', policyName: 'policy', trigger: 'leak' };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Rig extends Pick<TelemetryThreads, 'analysis' | 'ports'> {
  readonly threads: TelemetryThreads;
  readonly evidence: Evidence[];
  readonly incidents: TelemetryIncident[];
  readonly workers: Worker[];
}

const start = async (
  change: Partial<TelemetryThreadsOptions> = {},
  entry = new URL('../../src/analysis-worker.ts', import.meta.url),
): Promise<Rig> => {
  const evidence: Evidence[] = [];
  const incidents: TelemetryIncident[] = [];
  const workers: Worker[] = [];
  const threads = await startTelemetryThreads({
    clock: systemClock,
    grpc: { ...LOCAL, setting: 'grpc' },
    http: { ...LOCAL, setting: 'http' },
    receiver: { bodyBytes: MIB, budgetBytes: 8 * MIB },
    onIncident: (incident) => incidents.push(incident),
    spawnAnalysis: (workerData) => {
      const worker = new Worker(entry, { workerData });
      workers.push(worker);
      return worker;
    },
    ...change,
  });
  closers.push(() => threads.stop());
  threads.analysis.onEvidence((rows) => evidence.push(...rows));
  return {
    threads,
    analysis: threads.analysis,
    ports: threads.ports,
    evidence,
    incidents,
    workers,
  };
};

const ready = (rig: Rig) =>
  vi.waitFor(() => expect(rig.analysis.status().phase).toBe('ready'), DEADLINE);

const upsert = (uid: string, ageMs: number): ObjectDelta => {
  const facts: ContainerFacts = {
    ref: { pod: { namespace: 'shop', name: `pod-${uid}`, uid }, workload: null, container: 'app' },
    templateHash: 'h',
    memoryLimitBytes: 256 * MIB,
    restartCount: 0,
    startedAtMs: Date.now() - ageMs,
    podCreatedAtMs: Date.now() - ageMs,
    podReady: true,
    lastTermination: null,
  };
  return { kind: 'upsert', podUid: uid, containers: [facts] };
};

const binding = (uids: readonly string[], detector = 'MemoryLeak'): Binding => ({
  trigger,
  detector,
  params: detector === 'MemoryLeak' ? { resolution: '1s', horizon: '60s' } : {},
  containers: uids.map((uid) => `${uid}/app`),
});

const resourceOf = (uid: string) => ({
  'k8s.pod.uid': uid,
  'k8s.pod.name': `pod-${uid}`,
  'k8s.namespace.name': 'shop',
  'k8s.container.name': 'app',
});

const bodyOf = (uid: string, samples: readonly (readonly [number, number])[]): Buffer => {
  const points = samples.map(([timeMs, value]) => ({
    timeUnixNano: nano(timeMs),
    asInt: String(Math.round(value)),
  }));
  const request = metricsRequest([gauge('process.memory.usage', points)], resourceOf(uid));
  return frame(encode(REQUEST_TYPES.metrics, request));
};

const connect = async (rig: Rig): Promise<ClientHttp2Session> => {
  const session = await open(rig.ports.grpc);
  closers.push(() => session.destroy());
  return session;
};

const send = (session: ClientHttp2Session, body: Buffer) => call(session, GRPC_PATHS.metrics, body);

/** Sends until the receiver has its port to a worker that answers. */
const untilAccepted = (session: ClientHttp2Session, body: () => Buffer) =>
  vi.waitFor(async () => expect((await send(session, body())).status).toBe(0), DEADLINE);

describe('telemetry threads', () => {
  it('turn a leak that the real SDK exports into firing evidence about the right container', async () => {
    const rig = await start();
    await ready(rig);
    const bornMs = Date.now() - 55_000;
    const leak = (timeMs: number): number => 60 * MIB + ((timeMs - bornMs) / 1_000) * 2 * MIB;
    rig.analysis.apply([upsert('leaks', 55_000), upsert('flat', 55_000)]);
    rig.analysis.bind([binding(['leaks', 'flat'])]);
    const session = await connect(rig);
    await untilAccepted(session, () => bodyOf('nobody', [[Date.now(), 1]]));
    const past = Array.from({ length: 270 }, (_, i) => bornMs + 500 + i * 200);
    const history = (level: (timeMs: number) => number) =>
      past.map((timeMs) => [timeMs, level(timeMs)] as const);
    expect((await send(session, bodyOf('leaks', history(leak)))).status).toBe(0);
    expect(
      (
        await send(
          session,
          bodyOf(
            'flat',
            history(() => 60 * MIB),
          ),
        )
      ).status,
    ).toBe(0);

    for (const [uid, level] of [
      ['leaks', leak],
      ['flat', () => 60 * MIB],
    ] as const) {
      const exporter = new OTLPMetricExporter({ url: `http://127.0.0.1:${rig.ports.grpc}` });
      const reader = new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis: 200,
        exportTimeoutMillis: 200,
      });
      const provider = new MeterProvider({
        resource: resourceFromAttributes(resourceOf(uid)),
        readers: [reader],
      });
      closers.push(() => provider.shutdown());
      provider
        .getMeter('test')
        .createObservableGauge('process.memory.usage', { unit: 'By' })
        .addCallback((result) => result.observe(Math.round(level(Date.now()))));
    }
    await vi.waitFor(() => expect(rig.evidence.some(({ firing }) => firing)).toBe(true), DEADLINE);
    const firing = rig.evidence.filter((each) => each.firing);
    expect(firing.every(({ subject }) => subject.pod.uid === 'leaks')).toBe(true);
    expect(firing[0]).toMatchObject({ detector: 'MemoryLeak', quantity: 'process.memory.usage' });

    const target = { podUid: 'leaks', container: 'app' };
    const asked = past[100]! + 100;
    const answer = await rig.analysis.query({
      kind: 'interpolate',
      ...target,
      quantity: 'process.memory.usage',
      timesMs: [asked, bornMs - 10_000],
    });
    const values = answer.kind === 'interpolate' ? answer.values : [];
    expect(Math.abs(values[0]! - leak(asked))).toBeLessThan(0.01 * MIB);
    expect(values[1]).toBeNull();
    // The SDK's samples, not only the history, have arrived.
    const since = await rig.analysis.query({ kind: 'samples', ...target, sinceMs: past.at(-1)! });
    expect(since.kind === 'samples' && since.quantities[0]!.count).toBeGreaterThan(3);
    expect(await rig.threads.counters()).toMatchObject({ state_resets: 0, lost_acknowledged: 0 });
  });

  it('answer UNAVAILABLE while the worker is dead, recover by themselves, and account for what was lost', async () => {
    // No timer runs out, and so no replacement starts, before the test lets it.
    const gate = Promise.withResolvers<void>();
    closers.push(() => gate.resolve());
    const rig = await start({
      clock: {
        ...systemClock,
        sleep: (ms, signal) => gate.promise.then(() => systemClock.sleep(ms, signal)),
      },
    });
    await ready(rig);
    const startMs = Date.now() - 100_000;
    rig.analysis.apply([upsert('a', 200_000)]);
    rig.analysis.bind([binding(['a'])]);
    const session = await connect(rig);
    let sent = 0;
    let acknowledged = 0;
    const next = async (): Promise<number> => {
      sent += 1;
      const { status } = await send(session, bodyOf('a', [[startMs + 2 * sent, sent]]));
      if (status === 0) acknowledged += 1;
      return status;
    };
    const burst = () => Promise.all(Array.from({ length: 40 }, next));
    await vi.waitFor(async () => expect(await next()).toBe(0), DEADLINE);
    await vi.waitFor(async () => {
      await burst();
      expect(acknowledged).toBeGreaterThan(200);
    }, DEADLINE);

    const load = burst();
    const death = rig.workers[0]!.terminate();
    const statuses = new Set(await load);
    await death;
    await vi.waitFor(() => expect(rig.analysis.status().phase).toBe('warming'), DEADLINE);
    statuses.add(await next());
    expect(statuses).toContain(UNAVAILABLE);
    await expect(
      rig.analysis.query({ kind: 'samples', podUid: 'a', container: 'app', sinceMs: 0 }),
    ).rejects.toThrow('not ready');
    gate.resolve();
    expect([...statuses].every((status) => status === 0 || status === UNAVAILABLE)).toBe(true);

    await vi.waitFor(async () => expect(await next()).toBe(0), DEADLINE);
    await burst();
    await vi.waitFor(async () => {
      const counters = await rig.threads.counters();
      const kept = counters['analysis.accepted'] ?? 0;
      // Nothing that was acknowledged is neither kept nor reported as lost.
      expect(kept + counters['lost_acknowledged']!).toBeGreaterThanOrEqual(acknowledged);
      expect(kept).toBeGreaterThan(0);
    }, DEADLINE);
    const { lostAcknowledged, stateResets } = rig.analysis.status();
    expect(stateResets).toBe(1);
    expect(lostAcknowledged).toBeGreaterThan(200);
    expect(lostAcknowledged).toBeLessThanOrEqual(sent);
    expect(rig.incidents).toEqual([
      { kind: 'analysis-reset', reason: expect.any(String), lostAcknowledged },
    ]);
    // The new worker knows the pod and the binding: its detector speaks again.
    rig.evidence.length = 0;
    await vi.waitFor(() => expect(rig.evidence.length).toBeGreaterThan(0), DEADLINE);
    expect(rig.evidence[0]).toMatchObject({ firing: false, subject: { pod: { uid: 'a' } } });
  });

  it('tell senders to come back when more waits than may wait, and take nothing of what they refuse', async () => {
    const rig = await start({ queue: { maxJobs: 1, maxBytes: MIB } });
    await ready(rig);
    rig.analysis.apply([upsert('a', 200_000)]);
    rig.analysis.bind([binding(['a'])]);
    const session = await connect(rig);
    const startMs = Date.now() - 100_000;
    let sent = 0;
    let acknowledged = 0;
    const next = async () => {
      sent += 1;
      const answer = await send(session, bodyOf('a', [[startMs + 2 * sent, sent]]));
      if (answer.status === 0) acknowledged += 1;
      return answer;
    };
    await vi.waitFor(async () => expect((await next()).status).toBe(0), DEADLINE);
    const refused = await vi.waitFor(async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, next));
      const busy = answers.filter(({ status }) => status !== 0);
      expect(busy.length).toBeGreaterThan(0);
      return busy;
    }, DEADLINE);
    for (const { status, details } of refused) {
      expect(status).toBe(UNAVAILABLE);
      expect(details).toMatchObject([{ type: 'RetryInfo' }]);
    }
    await vi.waitFor(async () => {
      const counters = await rig.threads.counters();
      expect(counters['analysis.answers.busy']).toBeGreaterThanOrEqual(refused.length);
      expect(counters['analysis.accepted']).toBe(acknowledged);
    }, DEADLINE);
  });

  it('keep taking requests while a slow detector works through its round', async () => {
    const rig = await start(
      {},
      new URL('../fixtures/analysis/slow-detector-worker.ts', import.meta.url),
    );
    await ready(rig);
    const uids = Array.from({ length: 40 }, (_, i) => `w${i}`);
    rig.analysis.apply(uids.map((uid) => upsert(uid, 200_000)));
    rig.analysis.bind([binding(uids, 'Slow')]);
    const session = await connect(rig);
    const startMs = Date.now() - 20_000;
    let sent = 0;
    let roundStart = 0;
    const perRound: number[] = [];
    rig.analysis.onEvidence((rows) => {
      expect(rows).toHaveLength(40);
      perRound.push(sent - roundStart);
      roundStart = sent;
    });
    await vi.waitFor(
      async () => {
        sent += 1;
        await send(session, bodyOf('w0', [[startMs + sent, 1]]));
        expect(perRound.length).toBeGreaterThanOrEqual(4);
      },
      { timeout: 50_000, interval: 1 },
    );
    // A round lasts longer than the interval, so there is always one. Between its 40 workloads a
    // request has its turn: with one sender, about as many as workloads; a loop that lets requests
    // in only between rounds takes one or two.
    expect(Math.min(...perRound.slice(1))).toBeGreaterThanOrEqual(5);
  });

  it('start another receiver on the same ports when it dies, and join it again', async () => {
    const attached: number[] = [];
    const asked: { grpc: number; http: number }[] = [];
    const deaths: PromiseWithResolvers<Error | undefined>[] = [];
    const rig = await start({
      startReceiver: (data): Promise<ReceiverHandle> => {
        asked.push({ grpc: data.grpc.port, http: data.http.port });
        if (asked.length === 2) return Promise.reject(new Error('port 5001 is in use'));
        const number = asked.length;
        const death = Promise.withResolvers<Error | undefined>();
        deaths.push(death);
        return Promise.resolve({
          grpcPort: 5_001,
          httpPort: 5_002,
          attach: (port) => {
            attached.push(number);
            port.close();
          },
          counters: () => Promise.reject(new Error('gone')),
          stop: () => Promise.resolve(death.resolve(undefined)),
          ended: death.promise,
        });
      },
    });
    await vi.waitFor(() => expect(attached).toEqual([1]), DEADLINE);
    deaths[0]!.resolve(new Error('planted'));
    await vi.waitFor(() => expect(attached).toEqual([1, 3]), DEADLINE);
    expect(asked).toEqual([
      { grpc: 0, http: 0 },
      { grpc: 5_001, http: 5_002 },
      { grpc: 5_001, http: 5_002 },
    ]);
    expect(rig.incidents).toEqual([
      { kind: 'receiver-died', reason: 'planted' },
      { kind: 'receiver-died', reason: 'port 5001 is in use' },
    ]);
    expect(await rig.threads.counters()).toMatchObject({ receiver_deaths: 2 });
  });

  it('refuse to start when a port is taken, name the setting, and leave no thread behind', async () => {
    const rig = await start();
    const workers: Worker[] = [];
    const second = start({
      grpc: { host: '127.0.0.1', port: rig.ports.grpc, setting: '--otlp-grpc-address' },
      spawnAnalysis: (workerData) => {
        const worker = new Worker(new URL('../../src/analysis-worker.ts', import.meta.url), {
          workerData,
        });
        workers.push(worker);
        return worker;
      },
    });
    await expect(second).rejects.toThrow('--otlp-grpc-address');
    expect(workers.map(({ threadId }) => threadId)).toEqual([-1]);
  });
});
