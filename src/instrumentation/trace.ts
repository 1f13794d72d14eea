// SPDX-License-Identifier: Apache-2.0
/**
 * The operator's own traces: each decision is one trace from trigger to verification. Nothing is
 * loaded until an endpoint is configured, and the operator's own receiver is never the endpoint.
 */

/** A running span; `end` at most once. */
export interface DecisionSpan {
  readonly traceId: string;
  child(name: string, attributes?: Attributes): DecisionSpan;
  event(name: string, attributes?: Attributes): void;
  end(outcome: { readonly ok: boolean; readonly message?: string }): void;
}

/** Attribute values of spans. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Starts decision traces. */
export interface DecisionTracer {
  start(name: string, attributes?: Attributes): DecisionSpan;
  /** Sends what is buffered and stops; resolves within the exporter's deadline. */
  stop(): Promise<void>;
}

const noSpan: DecisionSpan = {
  traceId: '',
  child: () => noSpan,
  event: () => undefined,
  end: () => undefined,
};

/** Records nothing: the tracer of a process without an endpoint. */
export const noTracer: DecisionTracer = { start: () => noSpan, stop: async () => undefined };

/**
 * Exports decisions over OTLP/gRPC.
 * @param endpoint URL of a Collector, for example `http://collector:4317`
 */
export const createTracer = async (endpoint: string, identity: string): Promise<DecisionTracer> => {
  const [
    { context, trace, SpanStatusCode },
    sdk,
    { OTLPTraceExporter },
    { resourceFromAttributes },
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-grpc'),
    import('@opentelemetry/resources'),
  ]);
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'homeostat',
      'service.instance.id': identity,
    }),
    spanProcessors: [
      new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url: endpoint }), { maxQueueSize: 2048 }),
    ],
  });
  const tracer = provider.getTracer('homeostat');
  const wrap = (span: ReturnType<typeof tracer.startSpan>): DecisionSpan => ({
    traceId: span.spanContext().traceId,
    child: (name, attributes = {}) =>
      wrap(tracer.startSpan(name, { attributes }, trace.setSpan(context.active(), span))),
    event: (name, attributes = {}) => {
      span.addEvent(name, attributes);
    },
    end: ({ ok, message }) => {
      span.setStatus({
        code: ok ? SpanStatusCode.OK : SpanStatusCode.ERROR,
        ...(message === undefined ? {} : { message }),
      });
      span.end();
    },
  });
  return {
    start: (name, attributes = {}) => wrap(tracer.startSpan(name, { attributes, root: true })),
    stop: () => provider.shutdown(),
  };
};
