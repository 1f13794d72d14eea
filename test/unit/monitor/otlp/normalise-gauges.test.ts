// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Normaliser } from '../../../../src/monitor/otlp/normalise.ts';
import { feed, feedGauge, NOW, point, WORKING_SET } from '../../../fixtures/otlp/feed.ts';
import type { Message } from '../../../fixtures/otlp/oracle.ts';
import { gauge, metricsRequest, nano, POD, POD_CLAIM } from '../../../fixtures/otlp/samples.ts';

describe('Normaliser, gauges', () => {
  it('makes one sample of a gauge, with the claim of its resource', () => {
    const { batch } = feedGauge(WORKING_SET, [point(NOW - 5)]);
    expect(batch).toEqual({
      signal: 'metrics',
      receivedAtMs: NOW,
      gauges: [
        {
          claim: POD_CLAIM,
          quantity: WORKING_SET,
          timeMs: NOW - 5,
          value: 1_000,
          sender: expect.any(String),
        },
      ],
      requests: [],
      items: 1,
      rejected: 0,
      rejectionMessage: '',
    });
  });

  it.each([
    ['container.memory.working_set', WORKING_SET, 'web'],
    ['k8s.pod.memory.working_set', WORKING_SET, undefined],
    ['container.memory.rss', 'container.memory.rss', 'web'],
    ['k8s.pod.memory.rss', 'container.memory.rss', undefined],
    ['process.memory.usage', 'process.memory.usage', 'web'],
    ['dotnet.process.memory.working_set', 'process.memory.usage', 'web'],
  ])('maps %s to %s', (name, quantity, container) => {
    const { batch } = feedGauge(name, [point(NOW)]);
    expect(batch.gauges).toMatchObject([{ quantity }]);
    expect(batch.gauges[0]?.claim.container).toBe(container);
  });

  it('takes the older runtime name only for the resident set', () => {
    const typed = (type: string) => [{ key: 'type', value: { stringValue: type } }];
    const { batch, counters } = feedGauge('process.runtime.cpython.memory', [
      point(NOW, { attributes: typed('rss'), asInt: '7' }),
      point(NOW, { attributes: typed('vms') }),
      point(NOW),
    ]);
    expect(batch.gauges).toMatchObject([{ quantity: 'process.memory.usage', value: 7 }]);
    expect(counters.unused).toBe(2);
  });

  it('ignores names that nothing uses, without a rejection', () => {
    for (const name of ['system.memory.usage', 'container.memory.usage', 'constructor', '']) {
      const { batch, counters } = feedGauge(name, [point(NOW)]);
      expect([name, batch.gauges.length, batch.rejected, counters.unused]).toEqual([name, 0, 0, 1]);
    }
  });

  it.each([
    ['By', 1],
    ['', 1],
    ['kBy', 1e3],
    ['MBy', 1e6],
    ['GBy', 1e9],
    ['KiBy', 1_024],
    ['MiBy', 1_048_576],
    ['GiBy', 1_073_741_824],
  ])('converts the unit "%s" to bytes', (unit, factor) => {
    const { batch } = feedGauge(WORKING_SET, [point(NOW, { asDouble: 2.5, asInt: undefined })], {
      unit,
    });
    expect(batch.gauges[0]?.value).toBe(2.5 * factor);
  });

  it('rejects a unit that is not one of memory', () => {
    const { batch } = feedGauge(WORKING_SET, [point(NOW)], { unit: 's' });
    expect(batch).toMatchObject({
      gauges: [],
      rejected: 1,
      rejectionMessage: expect.stringContaining('By or MiBy'),
    });
  });

  it('takes a non-monotonic cumulative sum for the same quantity, and no other sum', () => {
    const sum = (isMonotonic: boolean, aggregationTemporality: number): Message => ({
      name: WORKING_SET,
      unit: 'By',
      sum: { isMonotonic, aggregationTemporality, dataPoints: [point(NOW)] },
    });
    const gauges = (...args: Parameters<typeof sum>) =>
      feed(new Normaliser(), 'metrics', metricsRequest([sum(...args)]));
    expect(gauges(false, 2)).toMatchObject({ gauges: [{ value: 1_000 }], rejected: 0 });
    expect(gauges(true, 2)).toMatchObject({ gauges: [], rejected: 0 });
    expect(gauges(false, 1)).toMatchObject({ gauges: [], rejected: 0 });
    expect(gauges(false, 0)).toMatchObject({ gauges: [], rejected: 1 });
  });

  it.each([
    ['time 0', { timeUnixNano: '0' }, 'must not be 0'],
    ['a far future', { timeUnixNano: nano(NOW + 300_001) }, 'future'],
    ['a forged end of time', { timeUnixNano: '18446744073709551615' }, 'future'],
    ['an ancient time', { timeUnixNano: nano(NOW - 86_400_001) }, 'older'],
    ['milliseconds for nanoseconds', { timeUnixNano: String(NOW) }, 'older'],
    ['no value', { asInt: undefined }, 'must have a value'],
    ['NaN', { asInt: undefined, asDouble: Number.NaN }, 'finite'],
    ['infinity', { asInt: undefined, asDouble: Number.POSITIVE_INFINITY }, 'finite'],
    ['a negative double', { asInt: undefined, asDouble: -0.5 }, 'not negative'],
    ['a negative integer', { asInt: '-1' }, 'not negative'],
  ])('rejects %s and counts it', (_, change, message) => {
    const { batch, counters } = feedGauge(WORKING_SET, [point(NOW), point(NOW + 1, change)]);
    expect(batch).toMatchObject({
      items: 2,
      rejected: 1,
      rejectionMessage: expect.stringContaining(message),
    });
    expect(batch.gauges).toHaveLength(1);
    expect(Object.values(counters.rejected).reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  it('takes times at the bounds', () => {
    const { batch } = feedGauge(WORKING_SET, [point(NOW - 86_400_000), point(NOW + 300_000)]);
    expect(batch).toMatchObject({ rejected: 0, gauges: [{}, {}] });
  });

  it('takes no sample of a point without a recorded value, also with a value or other flags', () => {
    const { batch, counters } = feedGauge(WORKING_SET, [
      point(NOW, { flags: 1, asInt: undefined }),
      point(NOW + 1, { flags: 0xfffffd01 }),
      point(NOW + 2, { flags: 2 }),
    ]);
    expect(batch).toMatchObject({ rejected: 0, gauges: [{ timeMs: NOW + 2 }] });
    expect(counters.noRecordedValue).toBe(2);
  });

  it('drops the sum over a pod where a container speaks for itself, whatever the order', () => {
    const normaliser = new Normaliser();
    const pod = { 'k8s.pod.uid': 'uid-1', 'k8s.pod.name': 'web-1', 'k8s.namespace.name': 'shop' };
    const request = (timeMs: number): Message => ({
      resourceMetrics: [
        ...(metricsRequest(
          [gauge('k8s.pod.memory.working_set', [point(timeMs, { asInt: '9' })])],
          pod,
        )['resourceMetrics'] as Message[]),
        ...(metricsRequest([gauge(WORKING_SET, [point(timeMs)])])['resourceMetrics'] as Message[]),
      ],
    });
    for (const timeMs of [NOW, NOW + 10]) {
      expect(feed(normaliser, 'metrics', request(timeMs)).gauges.map((each) => each.value)).toEqual(
        [1_000],
      );
    }
    const alone = metricsRequest([gauge('k8s.pod.memory.working_set', [point(NOW + 20)])], {
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': 'web-1',
    });
    expect(feed(normaliser, 'metrics', alone).gauges).toEqual([]);
    expect(normaliser.counters.superseded).toBe(3);
  });

  it('never mixes two series of one quantity; a silent one is followed by the other', () => {
    const normaliser = new Normaliser();
    const of = (instance: string, timeMs: number) =>
      feed(
        normaliser,
        'metrics',
        metricsRequest([gauge('process.memory.usage', [point(timeMs)])], {
          ...POD,
          'service.instance.id': instance,
        }),
      ).gauges.length;
    expect([of('a', NOW), of('b', NOW + 1), of('a', NOW + 1_000), of('b', NOW + 1_001)]).toEqual([
      1, 0, 1, 0,
    ]);
    // Three intervals of a second without `a`.
    expect([of('b', NOW + 3_000), of('b', NOW + 4_001), of('a', NOW + 4_002)]).toEqual([0, 1, 0]);
    expect(normaliser.counters.overlapping).toBe(4);
  });

  it('hands on what a second sender says, with who said it', () => {
    const normaliser = new Normaliser();
    const of = (instance: string, timeMs: number) =>
      feed(
        normaliser,
        'metrics',
        metricsRequest([gauge(WORKING_SET, [point(timeMs)])], {
          ...POD,
          'service.instance.id': instance,
        }),
      );
    const [first] = of('a', NOW).gauges;
    const second = of('b', NOW + 1);
    expect(second.gauges).toEqual([]);
    expect(second.rivals).toEqual([
      { ...first, timeMs: NOW + 1, sender: expect.not.stringMatching(`^${first?.sender}$`) },
    ]);
    expect(of('a', NOW + 1_000)).toMatchObject({ gauges: [{ sender: first?.sender }] });
  });

  it('prefers the new name of a quantity at once', () => {
    const normaliser = new Normaliser();
    const send = (name: string, timeMs: number, attributes: Message[] = []) =>
      feed(normaliser, 'metrics', metricsRequest([gauge(name, [point(timeMs, { attributes })])]))
        .gauges.length;
    const rss = [{ key: 'type', value: { stringValue: 'rss' } }];
    expect(send('process.runtime.cpython.memory', NOW, rss)).toBe(1);
    expect(send('process.memory.usage', NOW + 1)).toBe(1);
    expect(send('process.runtime.cpython.memory', NOW + 2, rss)).toBe(0);
    expect(normaliser.counters.superseded).toBe(1);
  });

  it('drops a sample that came before', () => {
    const normaliser = new Normaliser();
    const message = metricsRequest([gauge(WORKING_SET, [point(NOW)])]);
    expect(feed(normaliser, 'metrics', message).gauges).toHaveLength(1);
    expect(feed(normaliser, 'metrics', message)).toMatchObject({ gauges: [], rejected: 0 });
    expect(normaliser.counters.duplicates).toBe(1);
  });
});

describe('Normaliser, identity', () => {
  const claimOf = (resource: Record<string, string>) =>
    feedGauge(WORKING_SET, [point(NOW)], { resource });

  it('keeps samples that name a pod and counts the others', () => {
    expect(claimOf({ 'k8s.pod.uid': 'u' }).batch.gauges).toMatchObject([
      { claim: { podUid: 'u' } },
    ]);
    expect(claimOf({ 'k8s.pod.name': 'p', 'k8s.namespace.name': 'n' }).batch.gauges).toHaveLength(
      1,
    );
    for (const resource of [
      { 'service.name': 's' },
      { 'k8s.pod.name': 'p' },
      { 'k8s.pod.uid': '' },
      {},
    ]) {
      const { batch, counters } = claimOf(resource);
      expect([batch.gauges.length, batch.rejected, counters.unidentified]).toEqual([0, 0, 1]);
    }
  });

  it('takes no name from a text that cannot be one', () => {
    const claim = claimOf({
      ...POD,
      'k8s.container.name': 'x'.repeat(254),
      'service.name': 'unknown_service:node',
    }).batch.gauges[0]?.claim;
    expect(claim).toEqual({ podUid: 'uid-1', podName: 'web-1', namespace: 'shop' });
  });

  it('takes the last of duplicate keys, and strings only', () => {
    const attribute = (key: string, value: Message): Message => ({ key, value });
    const message = {
      resourceMetrics: [
        {
          resource: {
            attributes: [
              attribute('k8s.pod.uid', { stringValue: 'first' }),
              attribute('k8s.container.name', { intValue: '5' }),
              attribute('k8s.pod.uid', { stringValue: 'last' }),
            ],
          },
          scopeMetrics: [{ metrics: [gauge(WORKING_SET, [point(NOW)])] }],
        },
      ],
    };
    expect(feed(new Normaliser(), 'metrics', message).gauges[0]?.claim).toEqual({ podUid: 'last' });
  });
});
