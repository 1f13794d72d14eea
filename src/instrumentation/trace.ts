// SPDX-License-Identifier: Apache-2.0
/**
 * The operator's own traces: each decision is one trace, from the trigger over each API call to the
 * verification. Nothing is loaded until an endpoint is configured, and the operator's own receiver is
 * never the endpoint.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Attribute values of spans. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A running span; `end` at most once. */
export interface DecisionSpan {
  /** 32 hex digits; empty when nothing is recorded. */
  readonly traceId: string;
  child(name: string, attributes?: Attributes): DecisionSpan;
  event(name: string, attributes?: Attributes): void;
  end(outcome: { readonly ok: boolean; readonly message?: string }): void;
  /** Runs a function so that `current()` is this span in all that it awaits. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Starts decision traces. */
export interface DecisionTracer {
  start(name: string, attributes?: Attributes): DecisionSpan;
  /** The span of the decision that the caller belongs to; one that records nothing outside of any. */
  current(): DecisionSpan;
  /** Sends what is buffered and stops; resolves within the exporter's deadline. */
  stop(): Promise<void>;
}

const noSpan: DecisionSpan = {
  traceId: '',
  child: () => noSpan,
  event: () => undefined,
  end: () => undefined,
  run: (work) => work(),
};

/** Records nothing: the tracer of a process without an endpoint. */
export const noTracer: DecisionTracer = {
  start: () => noSpan,
  current: () => noSpan,
  stop: async () => undefined,
};

/**
 * Exports decisions over OTLP/gRPC.
 * @param endpoint URL of a Collector, for example `http://collector:4317`
 */
export const createTracer = async (endpoint: string, identity: string): Promise<DecisionTracer> => {
  const [
    { context, trace, SpanStatusCode },
    { BatchSpanProcessor, NodeTracerProvider },
    { OTLPTraceExporter },
    { resourceFromAttributes },
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-grpc'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({ url: endpoint });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'homeostat',
      'service.instance.id': identity,
    }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 2048 })],
  });
  const tracer = provider.getTracer('homeostat');
  const present = new AsyncLocalStorage<DecisionSpan>();

  const wrap = (span: ReturnType<typeof tracer.startSpan>): DecisionSpan => {
    const wrapped: DecisionSpan = {
      traceId: span.spanContext().traceId,
      child: (name, attributes = {}) =>
        wrap(tracer.startSpan(name, { attributes }, trace.setSpan(context.active(), span))),
      event: (name, attributes = {}) => {
        span.addEvent(name, attributes);
      },
      end: ({ ok, message }) => {
        const code = ok ? SpanStatusCode.OK : SpanStatusCode.ERROR;
        span.setStatus(message === undefined ? { code } : { code, message });
        span.end();
      },
      run: (work) => present.run(wrapped, work),
    };
    return wrapped;
  };
  return {
    start: (name, attributes = {}) => wrap(tracer.startSpan(name, { attributes, root: true })),
    current: () => present.getStore() ?? noSpan,
    stop: () => provider.shutdown(),
  };
};
