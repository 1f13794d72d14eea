// SPDX-License-Identifier: Apache-2.0
/** The real OpenTelemetry JS SDK sends to us: three signals, three transports, with and without gzip. */
import { SpanKind } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtoMetrics } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcTraces } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
} from '@opentelemetry/sdk-logs';
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Rig, startRig } from '../../fixtures/otlp/receiver-rig.ts';

const TRANSPORTS = ['grpc', 'proto', 'json'] as const;
type Transport = (typeof TRANSPORTS)[number];
const COMPRESSIONS = ['none', 'gzip'] as const;
type Compression = (typeof COMPRESSIONS)[number];

const resource = resourceFromAttributes({
  'k8s.pod.uid': '0d1c6d4e-uid',
  'k8s.pod.name': 'web-1',
  'k8s.namespace.name': 'shop',
  'k8s.container.name': 'web',
  'service.name': 'web',
});
const claim = {
  podUid: '0d1c6d4e-uid',
  podName: 'web-1',
  namespace: 'shop',
  container: 'web',
  serviceName: 'web',
};

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());
beforeEach(() => {
  rig.sink.batches.length = 0;
});

const options = (transport: Transport, path: string, compression: Compression) => ({
  url: transport === 'grpc' ? `http://127.0.0.1:${rig.grpcPort}` : `${rig.http}/v1/${path}`,
  // An enum of a package that the exporters do not hand out.
  compression: compression as never,
  timeoutMillis: 30_000,
});

describe('OpenTelemetry JS SDK exporters', () => {
  for (const transport of TRANSPORTS) {
    for (const compression of COMPRESSIONS) {
      it(`exports metrics by ${transport} with ${compression}`, async () => {
        const exporters = { grpc: GrpcMetrics, proto: ProtoMetrics, json: JsonMetrics };
        const exporter: PushMetricExporter = new exporters[transport](
          options(transport, 'metrics', compression),
        );
        const reader = new PeriodicExportingMetricReader({
          exporter,
          exportIntervalMillis: 3_600_000,
        });
        const provider = new MeterProvider({ resource, readers: [reader] });
        const meter = provider.getMeter('test');
        meter
          .createObservableGauge('process.memory.usage', { unit: 'By' })
          .addCallback((result) => result.observe(123_456_789));
        meter.createHistogram('http.server.request.duration', { unit: 's' }).record(0.25);
        await provider.forceFlush();
        await provider.shutdown();
        const [batch] = rig.sink.batches;
        expect(batch).toMatchObject({
          signal: 'metrics',
          items: 2,
          rejected: 0,
          rejectionMessage: '',
        });
        expect(batch?.gauges).toMatchObject([
          { claim, quantity: 'process.memory.usage', value: 123_456_789 },
        ]);
        expect(Math.abs(batch!.gauges[0]!.timeMs - Date.now())).toBeLessThan(120_000);
      });

      it(`exports traces by ${transport} with ${compression}`, async () => {
        const exporters = { grpc: GrpcTraces, proto: ProtoTraces, json: JsonTraces };
        const exporter: SpanExporter = new exporters[transport](
          options(transport, 'traces', compression),
        );
        const provider = new BasicTracerProvider({
          resource: resourceFromAttributes({ 'k8s.pod.uid': `${transport}-${compression}` }),
          spanProcessors: [new BatchSpanProcessor(exporter)],
        });
        const tracer = provider.getTracer('test');
        const parent = tracer.startSpan('GET /', { kind: SpanKind.SERVER });
        parent.addEvent('seen', { n: 1 });
        parent.end();
        tracer.startSpan('inside', { kind: SpanKind.INTERNAL }).end();
        await provider.forceFlush();
        await provider.shutdown();
        const [batch] = rig.sink.batches;
        expect(batch).toMatchObject({ signal: 'traces', items: 2, rejected: 0 });
        expect(batch?.requests).toMatchObject([
          { claim: { podUid: `${transport}-${compression}` }, count: 1 },
        ]);
      });

      it(`exports logs by ${transport} with ${compression}`, async () => {
        const exporters = { grpc: GrpcLogs, proto: ProtoLogs, json: JsonLogs };
        const exporter: LogRecordExporter = new exporters[transport](
          options(transport, 'logs', compression),
        );
        const provider = new LoggerProvider({
          resource,
          processors: [new BatchLogRecordProcessor({ exporter })],
        });
        provider.getLogger('test').emit({
          severityNumber: SeverityNumber.WARN,
          body: { text: 'low on memory', nested: [1, 2.5, { deep: true }] },
          attributes: { 'exception.type': 'Error' },
        });
        await provider.forceFlush();
        await provider.shutdown();
        expect(rig.sink.batches[0]).toMatchObject({ signal: 'logs', items: 1, rejected: 0 });
      });
    }
  }
});
