// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { SignalKind } from '../../../../src/domain/telemetry.ts';
import { Normaliser } from '../../../../src/monitor/otlp/normalise.ts';
import { feed, HTTP, histogram, NOW, point, WORKING_SET } from '../../../fixtures/otlp/feed.ts';
import type { Message } from '../../../fixtures/otlp/oracle.ts';
import {
  gauge,
  metricsRequest,
  serverSpan,
  tracesRequest,
} from '../../../fixtures/otlp/samples.ts';

const OLD_HTTP = 'http.server.duration';

/** Feeds batches of metrics to one normaliser; gives the request counts of each. */
const counts = (batches: Message[][], normaliser = new Normaliser()): number[][] =>
  batches.map((metrics, index) =>
    feed(normaliser, 'metrics', metricsRequest(metrics), NOW + index).requests.map(
      (each) => each.count,
    ),
  );

describe('Normaliser, requests', () => {
  const at = (timeMs: number, startMs: number | undefined = NOW - 1_000) => ({
    timeMs,
    ...(startMs !== undefined && { startMs }),
  });

  it('turns a cumulative count into increments', () => {
    expect(
      counts([
        [histogram(HTTP, 5, at(NOW))],
        [histogram(HTTP, 5, at(NOW + 10))],
        [histogram(HTTP, 12, at(NOW + 20))],
      ]),
    ).toEqual([[5], [0], [7]]);
  });

  it('takes a first point of unknown or old start as a baseline only', () => {
    for (const startMs of [0, NOW - 3_600_000]) {
      expect(
        counts([
          [histogram(HTTP, 1_000_000, { timeMs: NOW, startMs })],
          [histogram(HTTP, 1_000_003, { timeMs: NOW + 10, startMs })],
        ]),
      ).toEqual([[], [3]]);
    }
  });

  it('counts a new series in full when its process was watched before', () => {
    const route = (name: string) => ({
      attributes: [{ key: 'http.route', value: { stringValue: name } }],
    });
    const old = NOW - 3_600_000;
    expect(
      counts([
        [histogram(HTTP, 100, { ...at(NOW, old), point: route('/a') })],
        [
          histogram(HTTP, 101, { ...at(NOW + 10, old), point: route('/a') }),
          histogram(HTTP, 2, { ...at(NOW + 10, old), point: route('/b') }),
        ],
      ]),
    ).toEqual([[], [3]]);
  });

  it('counts in full after a reset, by a fall or by a new start', () => {
    expect(
      counts([
        [histogram(HTTP, 10, at(NOW, 0))],
        [histogram(HTTP, 4, at(NOW + 10, 0))],
        [histogram(HTTP, 6, at(NOW + 20, 0))],
      ]),
    ).toEqual([[], [4], [2]]);
    expect(
      counts([[histogram(HTTP, 10, at(NOW))], [histogram(HTTP, 15, at(NOW + 20, NOW + 10))]]),
    ).toEqual([[10], [15]]);
  });

  it('never adds up two writers of one series', () => {
    const normaliser = new Normaliser();
    const first = NOW - 2_000;
    const second = NOW - 1_000;
    const seen = counts(
      Array.from({ length: 10 }, (_, index) => [
        histogram(HTTP, 1_000 + index, at(NOW + index, index % 2 === 0 ? first : second)),
      ]),
      normaliser,
    );
    // The younger one is followed: 1,001 is its baseline, then two more each time.
    expect(seen).toEqual([[1_000], [], [], [2], [], [2], [], [2], [], [2]]);
    expect(normaliser.counters.overlapping).toBe(5);
  });

  it('ignores points that came before', () => {
    const message = [histogram(HTTP, 5, at(NOW))];
    expect(counts([message, message, [histogram(HTTP, 4, at(NOW - 10))]])).toEqual([[5], [], []]);
    const delta = [histogram(HTTP, 5, { ...at(NOW), temporality: 1 })];
    expect(counts([delta, delta])).toEqual([[5], []]);
  });

  it('adds deltas', () => {
    const delta = (count: number, timeMs: number) => [
      histogram(HTTP, count, { ...at(timeMs), temporality: 1 }),
    ];
    expect(counts([delta(5, NOW), delta(2, NOW + 10), delta(0, NOW + 20)])).toEqual([
      [5],
      [2],
      [0],
    ]);
  });

  it('begins anew after a point without a recorded value', () => {
    expect(
      counts([
        [histogram(HTTP, 5, at(NOW))],
        [histogram(HTTP, 0, { ...at(NOW + 10), point: { flags: 1 } })],
        [histogram(HTTP, 50, at(NOW + 20))],
        [histogram(HTTP, 51, at(NOW + 30))],
      ]),
    ).toEqual([[5], [], [], [1]]);
  });

  it('takes exponential histograms and summaries, and no other kind', () => {
    expect(counts([[histogram(HTTP, 5, { ...at(NOW), key: 'exponentialHistogram' })]])).toEqual([
      [5],
    ]);
    expect(counts([[histogram(HTTP, 5, { ...at(NOW), key: 'summary' })]])).toEqual([[5]]);
    expect(counts([[gauge(HTTP, [point(NOW)])]])).toEqual([[]]);
  });

  it('prefers the new name when both arrive, in one batch or later', () => {
    const both = (count: number, timeMs: number) => [
      histogram(OLD_HTTP, count, at(timeMs)),
      histogram(HTTP, count, at(timeMs)),
    ];
    expect(counts([both(5, NOW), both(8, NOW + 10)])).toEqual([[5], [3]]);
    expect(counts([both(5, NOW).reverse(), both(8, NOW + 10).reverse()])).toEqual([[5], [3]]);
    expect(
      counts([[histogram(OLD_HTTP, 5, at(NOW))], [histogram(OLD_HTTP, 8, at(NOW + 10))]]),
    ).toEqual([[5], [3]]);
  });

  it('adds HTTP and RPC up, and series of one resource at one time', () => {
    const route = (name: string) => ({
      attributes: [{ key: 'http.route', value: { stringValue: name } }],
    });
    expect(
      counts([
        [
          histogram(HTTP, 5, { ...at(NOW), point: route('/a') }),
          histogram(HTTP, 2, { ...at(NOW), point: route('/b') }),
          histogram('rpc.server.call.duration', 10, at(NOW)),
          histogram('rpc.server.duration', 10, at(NOW)),
        ],
      ]),
    ).toEqual([[17]]);
  });

  it('rejects a histogram of the wrong shape or without temporality', () => {
    const shape = (bucketCounts: string[], explicitBounds: number[]) =>
      feed(
        new Normaliser(),
        'metrics',
        metricsRequest([
          histogram(HTTP, 1, { ...at(NOW), point: { bucketCounts, explicitBounds } }),
        ]),
      ).rejected;
    expect([shape([], []), shape(['1'], []), shape(['1', '0'], [5])]).toEqual([0, 0, 0]);
    expect([shape(['1'], [5]), shape([], [5]), shape(['1', '2', '3'], [5])]).toEqual([1, 1, 1]);
    const unspecified = metricsRequest([histogram(HTTP, 1, { ...at(NOW), temporality: 0 })]);
    expect(feed(new Normaliser(), 'metrics', unspecified)).toMatchObject({
      requests: [],
      rejected: 1,
    });
  });

  it('forgets the oldest series at the cap and counts it', () => {
    const normaliser = new Normaliser({ maxSeries: 4 });
    const series = (id: number) =>
      histogram(HTTP, 1, {
        ...at(NOW + id),
        point: { attributes: [{ key: 'id', value: { intValue: String(id) } }] },
      });
    counts([Array.from({ length: 10 }, (_, id) => series(id))], normaliser);
    expect(normaliser.counters.evicted).toBeGreaterThanOrEqual(6);
  });

  it('leaves no trace of a batch that was taken back', () => {
    const run = (isRetried: boolean) => {
      const normaliser = new Normaliser();
      const all: unknown[] = [];
      const batches: [SignalKind, Message][] = [
        ['traces', tracesRequest([serverSpan(NOW, { spanId: Buffer.alloc(8, 5) })])],
        [
          'metrics',
          metricsRequest([histogram(HTTP, 5, at(NOW)), gauge(WORKING_SET, [point(NOW)])]),
        ],
        [
          'metrics',
          metricsRequest([histogram(HTTP, 9, at(NOW + 5)), gauge(WORKING_SET, [point(NOW + 5)])]),
        ],
        ['metrics', metricsRequest([gauge('k8s.pod.memory.working_set', [point(NOW)])])],
      ];
      for (const [signal, message] of batches) {
        if (isRetried) {
          feed(normaliser, signal, message);
          normaliser.rollback();
        }
        all.push(feed(normaliser, signal, message));
      }
      return { all, counters: normaliser.counters };
    };
    expect(run(true)).toEqual(run(false));
  });
});
