// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/entity.ts';
import type { Batch, GaugePoint, RequestIncrement } from '../../../src/domain/telemetry.ts';
import { DROP_REASONS, reportToSender } from '../../../src/knowledge/drop-reason.ts';
import {
  DEFAULT_STORE_LIMITS,
  KnowledgeStore,
  type StoreLimits,
} from '../../../src/knowledge/store.ts';

const NOW = 1_700_000_000_000;
const STEP = 1_000;
const SPEC = { resolutionMs: STEP, windowBuckets: 60 };
const WINDOWS = new Map([[STEP, 60]]);

const facts = (uid: string, change: Partial<ContainerFacts> = {}): ContainerFacts => ({
  ref: { pod: { namespace: 'shop', name: `pod-${uid}`, uid }, workload: null, container: 'app' },
  templateHash: 'h',
  memoryLimitBytes: 1 << 28,
  restartCount: 0,
  startedAtMs: NOW - 50_000,
  podCreatedAtMs: NOW - 55_000,
  podReady: true,
  lastTermination: null,
  ...change,
});

const point = (podUid: string, timeMs: number, value = 1): GaugePoint => ({
  claim: { podUid, container: 'app' },
  quantity: 'container.memory.working_set',
  timeMs,
  value,
});

const batch = (
  gauges: readonly GaugePoint[],
  requests: readonly RequestIncrement[] = [],
): Batch => ({
  signal: 'metrics',
  receivedAtMs: NOW,
  gauges,
  requests,
  items: gauges.length + requests.length,
  rejected: 0,
  rejectionMessage: '',
});

const store = (limits: Partial<StoreLimits> = {}, pods = ['a']): KnowledgeStore => {
  const made = new KnowledgeStore({ ...DEFAULT_STORE_LIMITS, ...limits });
  made.applyObjects(
    pods.map((uid) => ({ kind: 'upsert', podUid: uid, containers: [facts(uid)] }) as const),
  );
  made.select(new Map(pods.map((uid) => [`${uid}/app`, WINDOWS])));
  return made;
};

const gaugeOf = (from: KnowledgeStore, uid = 'a') =>
  from
    .view([{ podUid: uid, container: 'app' }], SPEC)
    .containers()[0]
    ?.gauge('container.memory.working_set') ?? null;

describe('KnowledgeStore', () => {
  const TABLE: readonly (readonly [string, GaugePoint, string])[] = [
    ['a sample of the running container', point('a', NOW), 'accepted'],
    ['a sample at the start of the container', point('a', NOW - 50_000), 'accepted'],
    ['a sample from before the container started', point('a', NOW - 50_001), 'before_start'],
    ['a sample ahead within the tolerance', point('a', NOW + 5_000), 'accepted'],
    ['a sample ahead of the tolerance', point('a', NOW + 5_001), 'future'],
    ['a value that is not finite', point('a', NOW, Number.POSITIVE_INFINITY), 'invalid'],
    ['a value that is no number', point('a', NOW, Number.NaN), 'invalid'],
    ['a negative value', point('a', NOW, -1), 'invalid'],
    ['no time', point('a', 0), 'invalid'],
    ['a time that is no number', point('a', Number.NaN), 'invalid'],
    ['a pod that nobody has', point('z', NOW), 'unknown_pod'],
  ];

  it.each(TABLE)('judges %s', (_, row, expected) => {
    const { accepted, dropped } = store().ingest(batch([row]), NOW);
    const fate = accepted === 1 ? { accepted } : dropped;
    expect(fate).toEqual({ [expected]: 1 });
  });

  it('drops a forged history from before the pod existed', () => {
    const young = new KnowledgeStore();
    young.applyObjects([
      {
        kind: 'upsert',
        podUid: 'a',
        containers: [facts('a', { podCreatedAtMs: NOW - 5_000, startedAtMs: null })],
      },
    ]);
    young.select(new Map([['a/app', WINDOWS]]));
    const history = Array.from({ length: 50 }, (_, i) => point('a', NOW - i * 1_000, i));
    const { accepted, dropped } = young.ingest(batch(history), NOW);
    expect([accepted, dropped]).toEqual([6, { before_start: 44 }]);
  });

  it('takes a retry once, and keeps the first value when the second contradicts', () => {
    const one = store();
    one.ingest(batch([point('a', NOW, 1)]), NOW);
    const again = one.ingest(batch([point('a', NOW, 1), point('a', NOW, 2)]), NOW);
    expect(again).toEqual({ accepted: 0, dropped: { duplicate: 1, contradiction: 1 } });
    expect(gaugeOf(one)).toMatchObject({ newestValue: 1, samples: 1 });
  });

  it('gives windows only to what a binding selects, and an empty one to what is selected later', () => {
    const one = store({}, ['a', 'b']);
    one.select(new Map([['a/app', WINDOWS]]));
    expect(one.ingest(batch([point('b', NOW)]), NOW).dropped).toEqual({ unselected: 1 });
    one.select(
      new Map([
        ['a/app', WINDOWS],
        ['b/app', WINDOWS],
      ]),
    );
    expect(gaugeOf(one, 'b')).toBeNull();
    expect(one.ingest(batch([point('b', NOW)]), NOW).accepted).toBe(1);
    one.select(new Map());
    expect(one.counters()).toMatchObject({ containers: 0, reservedBytes: 0 });
  });

  it('begins a new life at a restart, keeping the samples of the new life that came before the news', () => {
    const one = store();
    const history = Array.from({ length: 40 }, (_, i) => point('a', NOW - 39_500 + i * 1_000, i));
    const requests = history.map(({ claim, timeMs }) => ({ claim, timeMs, count: 2 }));
    one.ingest(batch(history, requests), NOW);
    const restarted = facts('a', {
      restartCount: 1,
      startedAtMs: NOW - 10_000,
      lastTermination: { reason: 'OOMKilled', finishedAtMs: NOW - 11_000 },
    });
    const ended = one.applyObjects([{ kind: 'upsert', podUid: 'a', containers: [restarted] }]);
    expect(ended).toEqual(['a/app']);
    const gauge = gaugeOf(one)!;
    expect(gauge.buckets.startMs).toBe(NOW - 10_000);
    expect([...gauge.buckets.min]).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
    const view = one.view([{ podUid: 'a', container: 'app' }], SPEC).containers()[0]!;
    expect(view.requests()!.startMs).toBe(NOW - 10_000);
    expect(one.ingest(batch([point('a', NOW - 10_500)]), NOW).dropped).toEqual({
      before_start: 1,
    });
  });

  it('shows nothing of the former life while the container waits for its restart', () => {
    const one = store();
    one.ingest(batch([point('a', NOW - 20_000, 5)]), NOW);
    const crashed = facts('a', {
      restartCount: 1,
      startedAtMs: null,
      lastTermination: { reason: 'OOMKilled', finishedAtMs: NOW - 1_000 },
    });
    one.applyObjects([{ kind: 'upsert', podUid: 'a', containers: [crashed] }]);
    expect(gaugeOf(one)).toBeNull();
  });

  it('keeps the window when facts change that end no life', () => {
    const one = store();
    one.ingest(batch([point('a', NOW)]), NOW);
    const resized = facts('a', { memoryLimitBytes: 1 << 29, podReady: false });
    expect(one.applyObjects([{ kind: 'upsert', podUid: 'a', containers: [resized] }])).toEqual([]);
    expect(gaugeOf(one)).toMatchObject({ samples: 1 });
  });

  it('forgets a pod that is gone', () => {
    const one = store();
    one.ingest(batch([point('a', NOW)]), NOW);
    expect(one.applyObjects([{ kind: 'delete', podUid: 'a' }])).toEqual(['a/app']);
    expect(one.counters()).toMatchObject({ pods: 0, containers: 0, reservedBytes: 0 });
  });

  it('fills a window of another resolution from the samples it still has', () => {
    const one = store();
    const history = Array.from({ length: 40 }, (_, i) => point('a', NOW - 39_500 + i * 1_000, i));
    one.ingest(batch(history), NOW);
    one.select(new Map([['a/app', new Map([[5_000, 60]])]]));
    const view = one.view([{ podUid: 'a', container: 'app' }], {
      resolutionMs: 5_000,
      windowBuckets: 60,
    });
    const gauge = view.containers()[0]!.gauge('container.memory.working_set')!;
    expect([...gauge.buckets.count]).toEqual([5, 5, 5, 5, 5, 5, 5, 5]);
    expect(gaugeOf(one)).toBeNull();
  });

  it('never fills a bucket of another resolution from a part of its samples', () => {
    const one = store();
    // 600 samples every 50 ms: the oldest 88 have left the recent part.
    const history = Array.from({ length: 600 }, (_, i) => point('a', NOW - 29_950 + i * 50, i));
    one.ingest(batch(history), NOW);
    one.select(new Map([['a/app', new Map([[5_000, 60]])]]));
    const view = one.view([{ podUid: 'a', container: 'app' }], {
      resolutionMs: 5_000,
      windowBuckets: 60,
    });
    const { buckets } = view.containers()[0]!.gauge('container.memory.working_set')!;
    expect([...buckets.count]).toEqual([100, 100, 100, 100, 100, 1]);
  });

  it('takes an out-of-order sample everywhere or nowhere', () => {
    const one = store();
    const two = new Map([
      [STEP, 60],
      [10_000, 60],
    ]);
    one.select(new Map([['a/app', two]]));
    one.ingest(batch([point('a', NOW)]), NOW);
    const late = one.ingest(batch([point('a', NOW - 15_000), point('a', NOW - 16_000)]), NOW);
    expect(late).toEqual({ accepted: 1, dropped: { late: 1 } });
    for (const [resolutionMs, windowBuckets] of two) {
      const [container] = one
        .view([{ podUid: 'a', container: 'app' }], { resolutionMs, windowBuckets })
        .containers();
      expect(container!.gauge('container.memory.working_set')!.samples).toBe(2);
    }
  });

  it('drops what is older than its windows', () => {
    const one = store();
    one.applyObjects([
      {
        kind: 'upsert',
        podUid: 'old',
        containers: [facts('old', { podCreatedAtMs: 1, startedAtMs: 2 })],
      },
    ]);
    one.select(new Map([['old/app', WINDOWS]]));
    const result = one.ingest(batch([point('old', NOW - 60_001), point('old', NOW - 60_000)]), NOW);
    expect(result).toEqual({ accepted: 1, dropped: { late: 1 } });
  });

  it('counts requests, and tells none reported from zero', () => {
    const one = store();
    const read = () =>
      one
        .view([{ podUid: 'a', container: 'app' }], SPEC)
        .containers()[0]!
        .requests();
    expect(read()).toBeNull();
    const claim = { podUid: 'a' };
    const { accepted, dropped } = one.ingest(
      batch(
        [],
        [
          { claim, timeMs: NOW - 2_000, count: 3 },
          { claim, timeMs: NOW, count: 0 },
          { claim, timeMs: NOW, count: 4 },
          { claim, timeMs: NOW, count: -1 },
          { claim, timeMs: NOW - 40_000, count: 9 },
        ],
      ),
      NOW,
    );
    expect([accepted, dropped]).toEqual([3, { invalid: 1, late: 1 }]);
    expect(read()).toEqual({ startMs: NOW - 2_000, stepMs: STEP, count: Float64Array.of(3, 0, 4) });
  });

  it('lets a flood cost only the container it speaks for', () => {
    const rate = { samplesPerSecond: 10, burst: 100 };
    const one = store({ rate }, ['a', 'b']);
    const flood = Array.from({ length: 5_000 }, (_, i) => point('a', NOW - 5_000 + i, i));
    expect(one.ingest(batch(flood), NOW)).toEqual({ accepted: 100, dropped: { rate: 4_900 } });
    expect(one.ingest(batch([point('b', NOW)]), NOW).accepted).toBe(1);
    const later = Array.from({ length: 50 }, (_, i) => point('a', NOW + 1 + i, i));
    expect(one.ingest(batch(later), NOW + 2_000)).toEqual({ accepted: 20, dropped: { rate: 30 } });
    // A clock set back gives nothing away.
    expect(one.ingest(batch(later.slice(30)), NOW).accepted).toBe(0);
  });

  it('bounds the containers and the memory, and counts what finds no room', () => {
    const many = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const all = batch(many.map((uid) => point(uid, NOW)));
    expect(store({ maxContainers: 5 }, many).ingest(all, NOW)).toEqual({
      accepted: 5,
      dropped: { capacity: 15 },
    });
    const one = store({}, ['a']);
    one.ingest(batch([point('a', NOW)]), NOW);
    const each = one.counters().reservedBytes;
    const tight = store({ maxWindowBytes: 7.5 * each }, many);
    expect(tight.ingest(all, NOW)).toEqual({ accepted: 7, dropped: { memory: 13 } });
    expect(tight.counters().reservedBytes).toBe(7 * each);
    // Longer windows for all of them fit no more: some must go, the bound stays.
    tight.select(new Map(many.map((uid) => [`${uid}/app`, new Map([[STEP, 600]])])));
    expect(tight.counters().reservedBytes).toBeLessThanOrEqual(7.5 * each);
    expect(tight.counters().dropped['memory']).toBeGreaterThan(13);
  });

  it('accounts for every row, stays inside its bounds and never throws, whatever is sent', () => {
    const claim = fc.record(
      {
        podUid: fc.constantFrom('a', 'b', 'c', 'z', ''),
        podName: fc.constantFrom('pod-a', 'pod-b', 'nobody'),
        namespace: fc.constantFrom('shop', 'bank'),
        container: fc.constantFrom('app', 'other', ''),
      },
      { requiredKeys: [] },
    );
    const timeMs = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: NOW - 60_000, max: NOW + 10_000 }) },
      { weight: 1, arbitrary: fc.double() },
    );
    const value = fc.oneof(fc.nat(), fc.double());
    const quantity = fc.constantFrom(
      'container.memory.working_set',
      'container.memory.rss',
      'process.memory.usage',
    );
    const gauges = fc.array(fc.record({ claim, quantity, timeMs, value }), {
      maxLength: 60,
      size: 'max',
    });
    const requests = fc.array(fc.record({ claim, timeMs, count: value }), { maxLength: 20 });
    const limits = {
      maxContainers: 2,
      maxWindowBytes: 200_000,
      rate: { samplesPerSecond: 1, burst: 30 },
      futureToleranceMs: 5_000,
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(gauges, requests), { maxLength: 5 }), (batches) => {
        const one = store(limits, ['a', 'b', 'c']);
        let rows = 0;
        for (const [points, increments] of batches) {
          const result = one.ingest(batch(points, increments), NOW);
          const dropped = DROP_REASONS.reduce((sum, each) => sum + (result.dropped[each] ?? 0), 0);
          expect(result.accepted + dropped).toBe(points.length + increments.length);
          rows += points.length + increments.length;
          expect(reportToSender(result.dropped).rejected).toBeLessThanOrEqual(dropped);
        }
        const counters = one.counters();
        const dropped = Object.values(counters.dropped).reduce((sum, each) => sum + each, 0);
        expect(counters.accepted + dropped).toBe(rows);
        expect(counters.accepted).toBeLessThanOrEqual(2 * 30);
        expect(counters.containers).toBeLessThanOrEqual(2);
        expect(counters.reservedBytes).toBeLessThanOrEqual(200_000);
      }),
      { numRuns: 100 },
    );
  });
});

describe('reportToSender', () => {
  it('tells the sender what it can mend, and nothing of pods it does not own', () => {
    expect(reportToSender({ future: 2, rate: 1, unselected: 5, unknown_pod: 7 })).toEqual({
      rejected: 3,
      message: '2 ahead of the clock, 1 above the rate of one container',
    });
    expect(reportToSender({ duplicate: 4 })).toEqual({ rejected: 0, message: '' });
  });
});
