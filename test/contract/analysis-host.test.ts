// SPDX-License-Identifier: Apache-2.0
/** The host over real worker threads: replay after a death, what is reported, what is rejected. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AnalysisHost, type AnalysisHostOptions } from '../../src/analysis-host.ts';
import type { AnalysisWorkerData } from '../../src/analysis-messages.ts';
import type { Binding } from '../../src/domain/analysis.ts';
import type { ContainerFacts, ObjectDelta } from '../../src/domain/entity.ts';
import type { Evidence } from '../../src/domain/evidence.ts';
import { systemClock } from '../../src/instrumentation/system-clock.ts';
import { DEFAULT_STORE_LIMITS } from '../../src/knowledge/store.ts';

const DEADLINE = { timeout: 50_000, interval: 20 };
const ENTRY = new URL('../../src/analysis-worker.ts', import.meta.url);

const trigger = { policyUid: 'p', policyNamespace: 'shop', policyName: 'policy', trigger: 't' };

const upsert = (uid: string): ObjectDelta => {
  const facts: ContainerFacts = {
    ref: { pod: { namespace: 'shop', name: `pod-${uid}`, uid }, workload: null, container: 'app' },
    templateHash: 'h',
    memoryLimitBytes: 1 << 28,
    restartCount: 0,
    startedAtMs: Date.now() - 60_000,
    podCreatedAtMs: Date.now() - 60_000,
    podReady: true,
    lastTermination: null,
  };
  return { kind: 'upsert', podUid: uid, containers: [facts] };
};

const binding = (...uids: string[]): Binding => ({
  trigger,
  detector: 'MemoryLeak',
  params: { resolution: '1s', horizon: '30s' },
  containers: uids.map((uid) => `${uid}/app`),
});

const running: AnalysisHost[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((host) => host.stop(500)));
});

const host = (change: Partial<AnalysisHostOptions> = {}) => {
  const workers: Worker[] = [];
  const resets: [string, number][] = [];
  const evidence: Evidence[] = [];
  const made = new AnalysisHost({
    clock: systemClock,
    data: {
      limitBytes: 1 << 20,
      queue: { maxJobs: 10, maxBytes: 1 << 20 },
      store: DEFAULT_STORE_LIMITS,
    },
    spawn: (workerData: AnalysisWorkerData) => {
      const worker = new Worker(ENTRY, { workerData });
      workers.push(worker);
      return worker;
    },
    onReady: () => undefined,
    onReset: (reason, lost) => resets.push([reason, lost]),
    ...change,
  });
  made.onEvidence((rows) => evidence.push(...rows));
  made.start();
  running.push(made);
  return { made, workers, resets, evidence };
};

const ready = (made: AnalysisHost) =>
  vi.waitFor(() => expect(made.status().phase).toBe('ready'), DEADLINE);

const askEvidence = (made: AnalysisHost, podUid: string) =>
  made.query({ kind: 'evidence', trigger, podUid, container: 'app' });

describe('AnalysisHost', () => {
  it('rejects queries until the worker is ready, then answers them', async () => {
    const { made, evidence } = host();
    made.apply([upsert('a')]);
    made.bind([binding('a')]);
    expect(made.status().phase).toBe('warming');
    await expect(askEvidence(made, 'a')).rejects.toThrow('not ready');
    await ready(made);
    await vi.waitFor(() => expect(evidence.length).toBeGreaterThan(0), DEADLINE);
    expect(evidence[0]).toMatchObject({ classification: 'unknown', firing: false });
    expect(await askEvidence(made, 'a')).toMatchObject({
      evidence: { subject: { pod: { uid: 'a' } } },
    });
    expect(await askEvidence(made, 'b')).toEqual({ kind: 'evidence', evidence: null });
    await vi.waitFor(() => expect(made.status().counters?.bindings).toBe(1), DEADLINE);
  });

  it('replaces a dead worker, with the objects and bindings as they are by then', async () => {
    const { made, workers, resets, evidence } = host();
    made.apply([upsert('a'), upsert('b')]);
    made.bind([binding('a', 'b')]);
    await ready(made);
    const asked = askEvidence(made, 'a');
    const death = workers[0]!.terminate();
    await Promise.allSettled([asked, death]);
    await vi.waitFor(() => expect(made.status().stateResets).toBe(1), DEADLINE);
    expect(resets).toEqual([[expect.stringContaining('exit code'), 0]]);
    // Said to nobody while no worker is there; the next one must know all the same.
    made.apply([{ kind: 'delete', podUid: 'a' }, upsert('c')]);
    made.bind([binding('b', 'c')]);
    await ready(made);
    evidence.length = 0;
    await vi.waitFor(() => expect(evidence.length).toBeGreaterThanOrEqual(2), DEADLINE);
    expect(evidence.slice(0, 2).map(({ subject }) => subject.pod.uid)).toEqual(['b', 'c']);
    expect(workers).toHaveLength(2);
  });

  it('rejects the queries of a worker that dies, and reports why it died', async () => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      parentPort.on('message', ({ kind }) => {
        if (kind === 'start') parentPort.postMessage({ kind: 'ready' });
        if (kind === 'query') throw new Error('planted');
      });`;
    const { made, resets } = host({ spawn: () => new Worker(source, { eval: true }) });
    await ready(made);
    await expect(askEvidence(made, 'a')).rejects.toThrow('planted');
    await vi.waitFor(() => expect(resets).toEqual([['planted', 0]]), DEADLINE);
    await ready(made);
  });

  it('counts the acknowledged rows that died with a worker', async () => {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      Atomics.add(new BigUint64Array(workerData.acknowledged), 0, 41n);
      parentPort.on('message', ({ kind }) => {
        if (kind === 'start') parentPort.postMessage({ kind: 'ready' });
        if (kind === 'bind') process.exit(3);
      });`;
    const { made, resets } = host({
      spawn: (workerData) => new Worker(source, { eval: true, workerData }),
    });
    await ready(made);
    for (const round of [1, 2]) {
      made.bind([]);
      await vi.waitFor(() => expect(made.status().stateResets).toBe(round), DEADLINE);
      await ready(made);
    }
    expect(resets).toEqual([
      ['exit code 3', 41],
      ['exit code 3', 41],
    ]);
    expect(made.status().lostAcknowledged).toBe(82);
  });

  it('replaces a worker that hangs, and gives up on a query that it never answers', async () => {
    let nowMs = 0;
    const sleepers: { at: number; wake: () => void }[] = [];
    const clock = {
      wallMs: () => nowMs,
      monoMs: () => nowMs,
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => {
          sleepers.push({ at: nowMs + ms, wake: resolve });
          signal?.addEventListener('abort', () => resolve());
        }),
    };
    const advance = async (ms: number) => {
      for (const end = nowMs + ms; nowMs < end; ) {
        nowMs += 1_000;
        for (const each of sleepers.splice(0)) {
          if (each.at <= nowMs) each.wake();
          else sleepers.push(each);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const source = `
      const { parentPort } = require('node:worker_threads');
      parentPort.once('message', () => parentPort.postMessage({ kind: 'ready' }));
      parentPort.on('message', ({ kind }) => { if (kind === 'bind') for (;;); });`;
    const { made } = host({ clock, spawn: () => new Worker(source, { eval: true }) });
    await ready(made);
    const asked = expect(askEvidence(made, 'a')).rejects.toThrow('does not answer');
    await advance(11_000);
    await asked;
    made.bind([]);
    await advance(40_000);
    await vi.waitFor(async () => {
      await advance(1_000);
      expect(made.status().stateResets).toBeGreaterThanOrEqual(1);
    }, DEADLINE);
    running.splice(running.indexOf(made), 1);
    const stopped = made.stop(1_000);
    await advance(2_000);
    await stopped;
  });

  it('ends within its grace even when the worker does not listen', async () => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      parentPort.once('message', () => parentPort.postMessage({ kind: 'ready' }));
      setInterval(() => undefined, 1000);`;
    const { made, resets } = host({ spawn: () => new Worker(source, { eval: true }) });
    await ready(made);
    await made.stop(50);
    expect(resets).toEqual([]);
    await expect(askEvidence(made, 'a')).rejects.toThrow('not ready');
  });
});
