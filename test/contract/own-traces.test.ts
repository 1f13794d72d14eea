// SPDX-License-Identifier: Apache-2.0
// Each decision of the operator is one trace that a Collector can read: the whole loop runs on a
// virtual clock, the traces leave by the real exporter and arrive at an independent gRPC server.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTracer, type DecisionTracer } from '../../src/instrumentation/trace.ts';
import { decode, REQUEST_TYPES } from '../fixtures/otlp/oracle.ts';
import type { ModelObject } from '../model/api-server.ts';
import { LoopWorld, type LoopWorldOptions } from '../model/loop-world.ts';

const MINUTE = 60_000;

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface Span {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly { readonly name: string; readonly attributes: readonly Attribute[] }[];
  readonly status?: { readonly code?: string | number; readonly message?: string };
}

interface Request {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

const requests: Request[] = [];
let collector: Server;
let tracer: DecisionTracer;

beforeEach(async () => {
  requests.length = 0;
  collector = new Server();
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
  collector.addService(
    {
      export: {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: (value: Buffer) => value,
        requestDeserialize: (bytes: Buffer) => decode(REQUEST_TYPES.traces, bytes),
        responseSerialize: (value: Buffer) => value,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    },
    {
      export: (
        call: { readonly request: Request },
        reply: (error: null, value: Buffer) => void,
      ) => {
        requests.push(call.request);
        reply(null, Buffer.alloc(0));
      },
    } as never,
  );
  const port = await new Promise<number>((resolve, reject) => {
    collector.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  tracer = await createTracer(`http://127.0.0.1:${port}`, 'operator-a');
});
afterEach(() => collector.forceShutdown());

const spans = (): readonly Span[] =>
  requests
    .flatMap(({ resourceSpans }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap((scope) => scope.spans);

const textOf = (attributes: readonly Attribute[], key: string): string | undefined =>
  attributes.find((each) => each.key === key)?.value.stringValue;

const isRoot = ({ parentSpanId }: Span): boolean => (parentSpanId?.length ?? 0) === 0;

/** Lets one pod leak until a condition holds, a while longer, and flushes the exporter. */
const play = async (
  options: LoopWorldOptions,
  isOver: (world: LoopWorld) => boolean,
): Promise<LoopWorld> => {
  const world = new LoopWorld({ ...options, tracer });
  await world.clock.advance(10_000);
  world.leak(world.web.pods()[0] as ModelObject);
  expect(await world.clock.until(() => isOver(world), 5 * MINUTE)).toBe(true);
  await world.clock.advance(2_000);
  world.stop();
  await world.loop.idle();
  await tracer.stop();
  return world;
};

const hasPhase =
  (phase: string) =>
  (world: LoopWorld): boolean =>
    world.all('healingactions')[0]?.status?.phase === phase;

describe('the own traces', () => {
  it('are one trace for a heal, from the trigger over each API call to the verification', async () => {
    const world = await play({}, hasPhase('Succeeded'));
    const roots = spans().filter(isRoot);
    expect(roots.map(({ name }) => name)).toEqual(['heal MemoryLeak']);
    const [root] = roots as [Span];
    const trace = spans().filter(({ traceId }) => traceId.equals(root.traceId));
    expect(trace).toHaveLength(spans().length);
    expect(root.events.map(({ name }) => name).slice(0, 2)).toEqual(['trigger', 'diagnosis']);
    expect(textOf(root.attributes, 'homeostat.policy')).toBe('shop/web-leaks');
    const [evicted] = world.evicted();
    expect(textOf(root.attributes, 'k8s.pod.name')).toBe(evicted);

    const phases = root.events
      .filter(({ name }) => name === 'phase')
      .map(({ attributes }) => textOf(attributes, 'homeostat.phase'));
    expect(phases).toEqual([
      'Planned',
      'Admitted',
      'Executing',
      'Settling',
      'Verifying',
      'Succeeded',
    ]);

    // Every request of the decision is there: what the server's audit log holds, except the writes that
    // keep incidents and policies true and the create of the incident, which precedes the decision.
    const names = trace.map(({ name }) => name);
    expect(names.filter((name) => name === 'create pods/eviction')).toHaveLength(2);
    expect(names.filter((name) => name === 'create healingactions')).toHaveLength(1);
    const patches = world.server.audit.filter(
      ({ request }) => request.resource === 'healingactions' && request.verb === 'patch',
    );
    expect(names.filter((name) => name === 'patch healingactions/status')).toHaveLength(
      patches.length,
    );

    const verify = trace.find(({ name }) => name === 'verify') as Span;
    expect(verify.parentSpanId.equals(root.spanId)).toBe(true);
    expect(textOf(verify.events[0]?.attributes ?? [], 'homeostat.verdict')).toBe('Effective');
    for (const each of trace.filter((span) => !isRoot(span))) {
      expect(each.parentSpanId.equals(root.spanId)).toBe(true);
    }
    const [request] = requests;
    const resource = request?.resourceSpans[0]?.resource.attributes ?? [];
    expect(textOf(resource, 'service.name')).toBe('homeostat');
    expect(textOf(resource, 'service.instance.id')).toBe('operator-a');
  });

  it('tell of a refused plan why, as a trace of its own', async () => {
    await play({ policy: { suspend: true } }, (world) =>
      world.all('incidents').some(({ status }) => status?.reason === 'Paused'),
    );
    const roots = spans().filter(isRoot);
    expect(roots.length).toBeGreaterThan(0);
    for (const root of roots) {
      expect(root.name).toBe('heal MemoryLeak');
      expect(root.status?.message).toBe('refused Paused');
      expect(spans().some(({ name }) => name === 'create pods/eviction')).toBe(false);
    }
    expect(new Set(roots.map(({ traceId }) => traceId.toString('hex'))).size).toBe(roots.length);
  });
});
