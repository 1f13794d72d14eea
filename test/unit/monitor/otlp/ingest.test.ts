// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Batch, SinkAnswer } from '../../../../src/domain/telemetry.ts';
import { Ingest } from '../../../../src/monitor/otlp/ingest.ts';
import { Normaliser } from '../../../../src/monitor/otlp/normalise.ts';
import type { ExportJob } from '../../../../src/monitor/otlp/port-messages.ts';
import { HTTP, histogram, NOW, point, WORKING_SET } from '../../../fixtures/otlp/feed.ts';
import { encode, type Message } from '../../../fixtures/otlp/oracle.ts';
import { gauge, metricsRequest } from '../../../fixtures/otlp/samples.ts';

const job = (metrics: Message[], change: Partial<ExportJob> = {}): ExportJob => ({
  signal: 'metrics',
  contentType: 'protobuf',
  encoding: '',
  body: Uint8Array.from(encode('ExportMetricsServiceRequest', metricsRequest(metrics))).buffer,
  receivedAtMs: NOW,
  ...change,
});

const ingestWith = (answers: (SinkAnswer | Error)[]) => {
  const batches: Batch[] = [];
  const normaliser = new Normaliser();
  const offer = async (batch: Batch): Promise<SinkAnswer> => {
    const answer = answers.shift() ?? { kind: 'accepted' };
    if (answer instanceof Error) throw answer;
    if (answer.kind !== 'busy') batches.push(batch);
    return answer;
  };
  const ingest = new Ingest({ normaliser, sink: { offer }, limitBytes: 1 << 20 });
  return { ingest, batches, normaliser };
};

const counter = (count: number, timeMs: number): Message[] => [
  histogram(HTTP, count, { timeMs, startMs: NOW - 1_000 }),
];

describe('Ingest', () => {
  it('gives the increments of a busy or failed offer again when the request comes again', async () => {
    for (const failure of [{ kind: 'busy', retryAfterMs: 5 } as const, new Error('full')]) {
      const { ingest, batches, normaliser } = ingestWith([{ kind: 'accepted' }, failure]);
      await ingest.accept(job(counter(5, NOW)));
      const refused = await ingest.accept(job(counter(9, NOW + 1)));
      expect(refused.kind).toBe(failure instanceof Error ? 'unavailable' : 'busy');
      expect(await ingest.accept(job(counter(9, NOW + 1)))).toEqual({ kind: 'accepted' });
      expect(batches.map((batch) => batch.requests[0]?.count)).toEqual([5, 4]);
      expect(normaliser.counters.dataPoints).toBe(2);
    }
  });

  it('applies nothing of a request that is broken at its end', async () => {
    const { ingest, batches, normaliser } = ingestWith([]);
    const whole = job(counter(5, NOW));
    const cut = { ...whole, body: whole.body.slice(0, whole.body.byteLength - 1) };
    expect(await ingest.accept(cut)).toMatchObject({ kind: 'invalid' });
    expect([batches.length, normaliser.counters.dataPoints]).toEqual([0, 0]);
  });

  it('answers in order what was asked at once, and survives every kind of job', async () => {
    const { ingest, batches } = ingestWith([]);
    const jobs = [
      job([gauge(WORKING_SET, [point(NOW)])]),
      job([], { encoding: 'snappy' }),
      job([], { encoding: 'gzip' }),
      job([], { contentType: 'json' }),
      job([], { body: new ArrayBuffer(2 << 20) }),
      job([gauge(WORKING_SET, [point(NOW + 1), point(0)])]),
    ];
    const answers = await Promise.all(jobs.map((each) => ingest.accept(each)));
    expect(answers.map((answer) => answer.kind)).toEqual([
      'accepted',
      'unsupportedEncoding',
      'invalid',
      'invalid',
      'tooLarge',
      'partial',
    ]);
    expect(batches.map((batch) => batch.gauges.length)).toEqual([1, 1]);
  });
});
