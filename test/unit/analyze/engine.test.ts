// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type BoundDetector,
  type Detector,
  defineDetector,
} from '../../../src/analyze/detector.ts';
import {
  type AnalysisEngine,
  createEngine,
  engineSink,
  inProcessAnalysis,
} from '../../../src/analyze/engine.ts';
import type { Binding } from '../../../src/domain/analysis.ts';
import type { ContainerFacts, ObjectDelta } from '../../../src/domain/entity.ts';
import type { Evidence } from '../../../src/domain/evidence.ts';
import type { Batch } from '../../../src/domain/telemetry.ts';

const NOW = 1_700_000_000_000;
const STEP = 1_000;

/** Reports how often its instance was called, what it saw, and throws where its parameters say so. */
const echo = defineDetector({
  id: 'Echo',
  title: 'Echo',
  needs: ['metrics'],
  params: z.object({
    throwFor: z.string().default(''),
    throwOnCall: z.number().default(0),
    stray: z.boolean().default(false),
  }),
  reference: 'none',
  bind: (params, trigger): BoundDetector => {
    let calls = 0;
    return {
      resolutionMs: STEP,
      windowBuckets: 60,
      analysisIntervalMs: 2 * STEP,
      detect: (view, nowMs) => {
        calls += 1;
        if (calls === params.throwOnCall) throw new Error('out of order');
        return view.containers().map((container): Evidence => {
          const { ref } = container.facts;
          if (ref.pod.uid === params.throwFor) throw new Error(`cannot judge ${ref.pod.uid}`);
          const gauge = container.gauge('container.memory.working_set');
          return {
            detector: 'Echo',
            trigger,
            subject: params.stray ? { ...ref, container: 'elsewhere' } : ref,
            classification: gauge === null ? 'unknown' : 'seen',
            firing: false,
            quantity: 'container.memory.working_set',
            window: { fromMs: gauge?.buckets.startMs ?? nowMs, toMs: nowMs },
            newestSampleMs: gauge?.newestSampleMs ?? 0,
            sampleIntervalMs: gauge?.sampleIntervalMs ?? 0,
            samples: gauge?.samples ?? 0,
            summary: 'echo',
            measures: { calls, peers: view.containers().length },
          };
        });
      },
    };
  },
});

const facts = (uid: string, workload: string, restartCount = 0): ContainerFacts => ({
  ref: {
    pod: { namespace: 'shop', name: `pod-${uid}`, uid },
    workload: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      namespace: 'shop',
      name: workload,
      uid: workload,
    },
    container: 'app',
  },
  templateHash: 'h',
  memoryLimitBytes: 1 << 28,
  restartCount,
  startedAtMs: NOW - 50_000 + restartCount,
  podCreatedAtMs: NOW - 55_000,
  podReady: true,
  lastTermination: null,
});

const upsert = (uid: string, workload: string, restartCount = 0): ObjectDelta => ({
  kind: 'upsert',
  podUid: uid,
  containers: [facts(uid, workload, restartCount)],
});

const binding = (uids: readonly string[], change: Partial<Binding> = {}): Binding => ({
  trigger: { policyUid: 'p', policyNamespace: 'shop', policyName: 'policy', trigger: 't' },
  detector: 'Echo',
  params: {},
  containers: uids.map((uid) => `${uid}/app`),
  ...change,
});

const batch = (uid: string, values: readonly (readonly [number, number])[]): Batch => ({
  signal: 'metrics',
  receivedAtMs: NOW,
  gauges: values.map(([timeMs, value]) => ({
    claim: { podUid: uid },
    quantity: 'container.memory.working_set',
    timeMs,
    value,
  })),
  requests: [],
  items: values.length,
  rejected: 0,
  rejectionMessage: '',
});

const engine = (detectors: readonly Detector[] = [echo]): AnalysisEngine => {
  const made = createEngine({ detectors });
  made.apply([upsert('a', 'web'), upsert('b', 'web'), upsert('c', 'db')]);
  made.bind([binding(['a', 'b', 'c'])]);
  return made;
};

const row = ({ subject, classification, measures }: Evidence) => [
  subject.pod.uid,
  classification,
  measures['calls'],
  measures['peers'],
];

describe('AnalysisEngine', () => {
  it('runs a detector once per analysis interval, replicas of a workload together', () => {
    const one = engine();
    one.ingest(batch('b', [[NOW, 7]]), NOW);
    expect(one.tick(NOW).map(row)).toEqual([
      ['a', 'unknown', 1, 2],
      ['b', 'seen', 1, 2],
      ['c', 'unknown', 1, 1],
    ]);
    expect(one.tick(NOW + 1_999)).toEqual([]);
    expect(one.isDue(NOW + 2_000)).toBe(true);
    expect(one.tick(NOW + 2_000).map(row)[0]).toEqual(['a', 'unknown', 2, 2]);
    expect(one.counters()).toMatchObject({ rounds: 2, evidence: 6, bindings: 1 });
  });

  it('goes on when the clock is set back', () => {
    const one = engine();
    one.tick(NOW);
    expect(one.tick(NOW - 3_600_000)).toHaveLength(3);
  });

  it('keeps the state of an equal binding when its containers change, and no other', () => {
    const one = engine();
    one.tick(NOW);
    one.apply([upsert('d', 'web')]);
    one.bind([binding(['a', 'd'])]);
    expect(one.tick(NOW + 2_000).map(row)).toEqual([
      ['a', 'unknown', 2, 2],
      ['d', 'unknown', 2, 2],
    ]);
    one.bind([binding(['a', 'd'], { params: { throwFor: 'nobody' } })]);
    expect(one.tick(NOW + 4_000).map(row)).toEqual([
      ['a', 'unknown', 1, 2],
      ['d', 'unknown', 1, 2],
    ]);
  });

  it('reports a detector that throws, and lets the other workloads have their round', () => {
    const one = engine();
    one.bind([binding(['a', 'b', 'c'], { params: { throwFor: 'a' } })]);
    expect(one.tick(NOW).map(row)).toEqual([['c', 'unknown', 1, 1]]);
    expect(one.tick(NOW + 2_000).map(row)).toEqual([['c', 'unknown', 2, 1]]);
    expect(one.failures()).toEqual([
      { trigger: binding([]).trigger, detector: 'Echo', message: 'cannot judge a', count: 2 },
    ]);
  });

  it('starts a detector that has thrown with a fresh state', () => {
    const one = engine();
    one.bind([binding(['c'], { params: { throwOnCall: 2 } })]);
    const rounds = [0, 1, 2, 3].map((i) => one.tick(NOW + i * 2_000).map(row));
    expect(rounds).toEqual([[['c', 'unknown', 1, 1]], [], [['c', 'unknown', 1, 1]], []]);
  });

  it('drops evidence about a container that the policy does not select', () => {
    const one = engine();
    one.bind([binding(['a'], { params: { stray: true } })]);
    expect(one.tick(NOW)).toEqual([]);
    expect(one.failures()).toMatchObject([{ count: 1 }]);
  });

  it.each([
    ['is not registered', { detector: 'Nothing' }, 'there is no detector "Nothing"'],
    ['refuses its parameters', { params: { throwFor: 7 } }, 'throwFor'],
  ])('reports a binding whose detector %s, and keeps the others', (_, change, message) => {
    const one = engine();
    const { trigger } = binding([]);
    one.bind([
      binding(['a'], { ...change, trigger: { ...trigger, trigger: 'broken' } }),
      binding(['c']),
    ]);
    expect(one.tick(NOW).map(row)).toEqual([['c', 'unknown', 1, 1]]);
    expect(one.failures()).toHaveLength(1);
    expect(one.failures()[0]!.message).toContain(message);
    expect(one.ingest(batch('a', [[NOW, 1]]), NOW).dropped).toEqual({ unselected: 1 });
  });

  it('lets batches, deltas and bindings in between two workloads of a round', () => {
    const one = engine();
    const round = one.analyse(NOW);
    expect(round.next().done).toBe(false);
    one.ingest(batch('c', [[NOW, 3]]), NOW);
    let step = round.next();
    while (!step.done) step = round.next();
    expect(step.value.map(row)[2]).toEqual(['c', 'seen', 1, 1]);

    const cut = one.analyse(NOW + 2_000);
    cut.next();
    one.bind([]);
    let last = cut.next();
    while (!last.done) last = cut.next();
    expect(last.value).toEqual([]);
  });

  it('gives the same evidence for the same history of calls', () => {
    const run = () => {
      const one = engine();
      return Array.from({ length: 5 }, (_, i) => {
        const t = NOW + i * 2_000;
        one.ingest(batch('a', [[t, i]]), t);
        return one.tick(t);
      });
    };
    expect(run()).toEqual(run());
  });

  it('answers evidence queries with the newest, and forgets it with the life it was about', () => {
    const one = engine();
    const ask = (podUid: string) => {
      const { trigger } = binding([]);
      const answer = one.query({ kind: 'evidence', trigger, podUid, container: 'app' });
      return answer.kind === 'evidence' ? answer.evidence : undefined;
    };
    expect(ask('a')).toBeNull();
    one.tick(NOW);
    one.tick(NOW + 2_000);
    expect(ask('a')).toMatchObject({ measures: { calls: 2 } });
    one.apply([upsert('a', 'web', 1)]);
    expect(ask('a')).toBeNull();
    expect(ask('b')).not.toBeNull();
    one.apply([{ kind: 'delete', podUid: 'b' }]);
    expect(ask('b')).toBeNull();
    one.bind([binding(['a'])]);
    expect(ask('c')).toBeNull();
  });

  it('answers sample and interpolation queries, and invents nothing', () => {
    const one = engine();
    const samples = Array.from({ length: 20 }, (_, i) => [NOW + i * 500, 100 + i] as const);
    one.ingest(batch('a', samples), NOW + 10_000);
    const quantity = 'container.memory.working_set';
    const target = { podUid: 'a', container: 'app' };
    expect(
      one.query({
        kind: 'interpolate',
        ...target,
        quantity,
        timesMs: [NOW - 1, NOW, NOW + 250, NOW + 9_500, NOW + 9_501],
      }),
    ).toEqual({ kind: 'interpolate', values: [null, 100, 100.5, 119, null] });
    expect(
      one.query({
        kind: 'interpolate',
        ...target,
        quantity: 'container.memory.rss',
        timesMs: [NOW],
      }),
    ).toEqual({ kind: 'interpolate', values: [null] });
    expect(one.query({ kind: 'samples', ...target, sinceMs: NOW + 7_000 })).toEqual({
      kind: 'samples',
      quantities: [
        { quantity, count: 5, newestMs: NOW + 9_500, newestValue: 119, floorBytes: 116.2 },
      ],
    });
    expect(one.query({ kind: 'samples', ...target, sinceMs: NOW + 9_500 })).toEqual({
      kind: 'samples',
      quantities: [],
    });
    expect(one.query({ kind: 'samples', podUid: 'z', container: 'app', sinceMs: 0 })).toEqual({
      kind: 'samples',
      quantities: [],
    });
  });
});

describe('engineSink', () => {
  it('acknowledges a row that entered, and names the ones the sender can mend', async () => {
    const one = engine();
    const sink = engineSink(one, { wallMs: () => NOW });
    expect(await sink.offer(batch('a', [[NOW, 1]]))).toEqual({ kind: 'accepted' });
    expect(await sink.offer(batch('nobody', [[NOW, 1]]))).toEqual({ kind: 'accepted' });
    expect(
      await sink.offer(
        batch('a', [
          [NOW + 1, 1],
          [NOW + 60_000, 1],
        ]),
      ),
    ).toEqual({ kind: 'partial', rejected: 1, message: '1 ahead of the clock' });
  });
});

describe('inProcessAnalysis', () => {
  it('runs at the time of the clock it is given and tells every listener once per round', async () => {
    let nowMs = NOW;
    const analysis = inProcessAnalysis(createEngine({ detectors: [echo] }), {
      wallMs: () => nowMs,
    });
    const heard: (readonly Evidence[])[] = [];
    analysis.onEvidence((evidence) => heard.push(evidence));
    analysis.apply([upsert('a', 'web')]);
    analysis.bind([binding(['a'])]);
    expect(analysis.tick()).toHaveLength(1);
    analysis.tick();
    nowMs += 2_000;
    analysis.tick();
    expect(heard.map((evidence) => evidence.length)).toEqual([1, 1]);
    const { trigger } = binding([]);
    const answer = await analysis.query({
      kind: 'evidence',
      trigger,
      podUid: 'a',
      container: 'app',
    });
    expect(answer).toEqual({ kind: 'evidence', evidence: heard[1]![0] });
  });
});
