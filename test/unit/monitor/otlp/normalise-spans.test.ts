// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nanoToMs } from '../../../../src/monitor/otlp/batch-draft.ts';
import { Normaliser } from '../../../../src/monitor/otlp/normalise.ts';
import { feed, HTTP, histogram, NOW } from '../../../fixtures/otlp/feed.ts';
import type { Message } from '../../../fixtures/otlp/oracle.ts';
import {
  logsRequest,
  metricsRequest,
  nano,
  POD,
  POD_CLAIM,
  serverSpan,
  tracesRequest,
} from '../../../fixtures/otlp/samples.ts';

describe('Normaliser, spans and logs', () => {
  const requestsOf = (spans: Message[], normaliser = new Normaliser()) =>
    feed(normaliser, 'traces', tracesRequest(spans));

  it('counts server spans of one second together and no other kind', () => {
    const batch = requestsOf([
      serverSpan(NOW),
      serverSpan(NOW + 10),
      serverSpan(NOW + 1_000),
      ...[0, 1, 3, 4, 5, 99].map((kind) => serverSpan(NOW, { kind })),
    ]);
    expect(batch.requests).toEqual([
      { claim: POD_CLAIM, timeMs: NOW + 10, count: 2 },
      { claim: POD_CLAIM, timeMs: NOW + 1_000, count: 1 },
    ]);
    expect(batch).toMatchObject({ items: 9, rejected: 0 });
  });

  it('counts a span once, however often it comes', () => {
    const normaliser = new Normaliser();
    const span = serverSpan(NOW);
    expect(requestsOf([span, span], normaliser).requests).toMatchObject([{ count: 1 }]);
    expect(requestsOf([span], normaliser)).toMatchObject({ requests: [], rejected: 0 });
    expect(normaliser.counters.duplicates).toBe(2);
  });

  it('leaves spans out once their process reports a metric of requests', () => {
    const normaliser = new Normaliser();
    expect(requestsOf([serverSpan(NOW)], normaliser).requests).toHaveLength(1);
    const metrics = (count: number, timeMs: number) =>
      feed(
        normaliser,
        'metrics',
        metricsRequest([histogram(HTTP, count, { timeMs, startMs: NOW - 1_000 })]),
      ).requests;
    // What the spans have counted is in the first point: it is a baseline.
    expect(metrics(1, NOW + 1)).toEqual([]);
    expect(requestsOf([serverSpan(NOW + 2)], normaliser).requests).toEqual([]);
    expect(metrics(2, NOW + 3)).toMatchObject([{ count: 1 }]);
    const other = { ...POD, 'k8s.pod.uid': 'uid-2' };
    expect(
      feed(normaliser, 'traces', tracesRequest([serverSpan(NOW)], other)).requests,
    ).toHaveLength(1);
  });

  it.each([
    ['a zero trace id', { traceId: Buffer.alloc(16) }, 'trace_id'],
    ['a short trace id', { traceId: Buffer.alloc(8, 1) }, 'trace_id'],
    ['no trace id', { traceId: undefined }, 'trace_id'],
    ['a zero span id', { spanId: Buffer.alloc(8) }, 'span_id'],
    ['a long span id', { spanId: Buffer.alloc(16, 1) }, 'span_id'],
    ['a short parent id', { parentSpanId: Buffer.alloc(7, 1) }, 'parent_span_id'],
    ['no end', { endTimeUnixNano: '0' }, 'must not be 0'],
    ['an end in the future', { endTimeUnixNano: nano(NOW + 400_000) }, 'future'],
    ['an ancient end', { endTimeUnixNano: nano(NOW - 90_000_000) }, 'older'],
  ])('rejects a span with %s', (_, change, message) => {
    const batch = requestsOf([serverSpan(NOW), serverSpan(NOW, change)]);
    expect(batch).toMatchObject({
      items: 2,
      rejected: 1,
      rejectionMessage: expect.stringContaining(message),
    });
    expect(batch.requests).toMatchObject([{ count: 1 }]);
  });

  it('keeps a log whose ids are wrong', () => {
    const batch = feed(
      new Normaliser(),
      'logs',
      logsRequest([
        { traceId: Buffer.alloc(3, 1), spanId: Buffer.alloc(8) },
        { timeUnixNano: nano(NOW) },
      ]),
    );
    expect(batch).toMatchObject({
      signal: 'logs',
      items: 2,
      rejected: 0,
      gauges: [],
      requests: [],
    });
  });
});

describe('nanoToMs', () => {
  it('divides as BigInt does', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffffffff }), fc.nat({ max: 0xffffffff }), (lo, hi) => {
        const nanos = (BigInt(hi) << 32n) | BigInt(lo);
        expect(nanoToMs(lo, hi)).toBe(Number(nanos / 1_000_000n));
      }),
      { seed: 7, numRuns: 1_000 },
    );
    const exact = 1_800_000_000_010n * 1_000_000n;
    expect(nanoToMs(Number(exact & 0xffffffffn), Number(exact >> 32n))).toBe(1_800_000_000_010);
  });
});
