// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutToBytes, eventNote, MAX_NOTE_BYTES } from '../../../src/kube/event-text.ts';
import { type EventInput, EventRecorder } from '../../../src/kube/events.ts';
import { SpamFilter } from '../../../src/kube/spam-filter.ts';
import { settle, VirtualClock } from '../../rig/virtual-clock.ts';
import { FakeTransport, lost, status } from './fake-transport.ts';

const WEB: EventInput = {
  type: 'Warning',
  reason: 'MemoryLeak',
  action: 'Restart',
  note: 'memory grows',
  regarding: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web-0', uid: 'u1' },
};

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: {
    readonly note?: string;
    readonly metadata?: { readonly name: string; readonly namespace: string };
    readonly series?: { readonly count: number };
    readonly [field: string]: unknown;
  };
}

function setUp(options: Partial<ConstructorParameters<typeof EventRecorder>[0]> = {}) {
  const clock = new VirtualClock();
  const transport = new FakeTransport();
  transport.onRequest = () => ({ status: 201, body: {} });
  const recorder = new EventRecorder({
    transport,
    clock,
    random: () => 0,
    controller: 'homeostat.dev/operator',
    instance: 'host_1',
    ...options,
  });
  recorder.start();
  const sent = () => transport.requests as unknown as readonly Sent[];
  return { clock, transport, recorder, sent };
}

describe('EventRecorder', () => {
  it('creates an Event of events.k8s.io/v1 beside the object', async () => {
    const { recorder, sent } = setUp();
    recorder.emit(WEB);
    await settle();
    expect(sent()).toHaveLength(1);
    expect(sent()[0]).toMatchObject({
      method: 'POST',
      path: '/apis/events.k8s.io/v1/namespaces/shop/events',
      body: {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { namespace: 'shop' },
        eventTime: '2026-01-01T00:00:00.000000Z',
        type: 'Warning',
        reason: 'MemoryLeak',
        action: 'Restart',
        note: 'memory grows',
        regarding: WEB.regarding,
        reportingController: 'homeostat.dev/operator',
        reportingInstance: 'host_1',
      },
    });
    expect(sent()[0]?.body['series']).toBeUndefined();
    expect(sent()[0]?.body.metadata?.name).toMatch(/^web-0\.[0-9a-f]+$/);
    await recorder.stop();
  });

  it('puts Events about objects of the cluster scope into the namespace default', async () => {
    const { recorder, sent } = setUp();
    const regarding = { ...WEB.regarding, kind: 'ClusterRole', namespace: '', name: 'System:A' };
    recorder.emit({ ...WEB, regarding });
    await settle();
    expect(sent()[0]?.path).toBe('/apis/events.k8s.io/v1/namespaces/default/events');
    expect(sent()[0]?.body.metadata?.name).toMatch(/^system-a\.[0-9a-f]+$/);
    await recorder.stop();
  });

  it('TestEventSeriesf: the first repeat patches count 2, later ones are only counted', async () => {
    const { recorder, sent } = setUp();
    for (let each = 0; each < 50; each += 1) recorder.emit({ ...WEB, note: `text ${each}` });
    await settle();
    expect(sent().map(({ method }) => method)).toEqual(['POST', 'PATCH']);
    expect(sent()[1]?.body.series?.count).toBe(2);
    expect(sent()[1]?.path.endsWith(`/${sent()[0]?.body.metadata?.name}`)).toBe(true);
    await recorder.stop();
  });

  it('tells things apart that differ in reason, action, type or object', async () => {
    const { recorder, sent } = setUp();
    recorder.emit(WEB);
    recorder.emit({ ...WEB, reason: 'Other' });
    recorder.emit({ ...WEB, action: 'Other' });
    recorder.emit({ ...WEB, type: 'Normal' });
    recorder.emit({ ...WEB, regarding: { ...WEB.regarding, uid: 'u2' } });
    recorder.emit({ ...WEB, related: WEB.regarding });
    await settle();
    expect(sent().map(({ method }) => method)).toEqual(Array(6).fill('POST'));
    await recorder.stop();
  });

  it('TestRefreshExistingEventSeries: writes the count every 30 minutes while it grows', async () => {
    const { clock, recorder, sent } = setUp();
    const end = 31 * 60_000;
    for (let at = 0; at < end; at += 60_000) {
      recorder.emit(WEB);
      await clock.advance(60_000);
    }
    expect(sent().map(({ body }) => body.series?.count)).toEqual([undefined, 2, 30]);
    await recorder.stop();
  });

  it('TestFinishSeries: writes the final count after 6 quiet minutes and starts anew after that', async () => {
    const { clock, recorder, sent } = setUp();
    for (let each = 0; each < 5; each += 1) recorder.emit(WEB);
    await clock.advance(13 * 60_000);
    expect(sent().map(({ body }) => body.series?.count)).toEqual([undefined, 2, 5]);
    recorder.emit(WEB);
    await settle();
    expect(sent().at(-1)?.method).toBe('POST');
    await recorder.stop();
  });

  it('TestUpdateExpiredEvent: makes the Event again when the patch finds none', async () => {
    const { transport, recorder, sent } = setUp();
    transport.onRequest = ({ method }) =>
      method === 'PATCH' ? status(404, 'NotFound') : { status: 201, body: {} };
    recorder.emit(WEB);
    recorder.emit(WEB);
    await settle();
    expect(sent().map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST']);
    expect(sent()[2]?.body.series?.count).toBe(2);
    expect(sent()[2]?.body.metadata).not.toHaveProperty('resourceVersion');
    await recorder.stop();
  });

  it('tries again after 10 s when no answer came, 12 times, and gives up on a refusal at once', async () => {
    const { clock, transport, recorder, sent } = setUp();
    transport.onRequest = () => lost();
    recorder.emit(WEB);
    await clock.advance(9_999);
    expect(sent()).toHaveLength(1);
    await clock.advance(200_000);
    expect(sent()).toHaveLength(12);
    expect(recorder.counters.failed).toBe(1);
    transport.onRequest = () => status(403, 'Forbidden');
    recorder.emit({ ...WEB, reason: 'Other' });
    await clock.advance(100_000);
    expect(sent()).toHaveLength(13);
    expect(recorder.counters.failed).toBe(2);
    await recorder.stop();
  });

  it('takes AlreadyExists for an earlier attempt of its own that arrived', async () => {
    const { clock, transport, recorder } = setUp();
    const replies = [lost(), status(409, 'AlreadyExists')];
    transport.onRequest = () => replies.shift() ?? { body: {} };
    recorder.emit(WEB);
    await clock.advance(11_000);
    expect(recorder.counters).toMatchObject({ written: 1, failed: 0 });
    await recorder.stop();
  });

  it('TestLotsOfEvents: never blocks; drops and counts what its queue does not hold', async () => {
    const { transport, recorder } = setUp();
    transport.onRequest = () => new Promise(() => undefined);
    for (let each = 0; each < 1_500; each += 1) {
      recorder.emit({ ...WEB, regarding: { ...WEB.regarding, uid: `u${each}` } });
    }
    expect(recorder.counters.droppedFull).toBe(500);
  });

  it('TestEventSpamFilter: writes at most 25 about one object, then one more per 300 s', async () => {
    const { clock, recorder, sent } = setUp();
    for (let each = 0; each < 40; each += 1) recorder.emit({ ...WEB, reason: `R${each}` });
    await settle(40);
    expect(sent()).toHaveLength(25);
    expect(recorder.counters.droppedSpam).toBe(15);
    await clock.advance(300_000);
    recorder.emit({ ...WEB, reason: 'again' });
    recorder.emit({ ...WEB, reason: 'too many' });
    await settle();
    expect(sent()).toHaveLength(26);
    await recorder.stop();
  });

  it('writes nothing without a term, and asks the guard of the term before each write', async () => {
    let checks = 0;
    const guard = {
      writeDeadlineMs: 3_000,
      signal: new AbortController().signal,
      check: () => {
        checks += 1;
      },
    };
    let leading = false;
    const { clock, transport, recorder, sent } = setUp({ guard: () => (leading ? guard : null) });
    recorder.emit(WEB);
    await clock.advance(5_000);
    expect(sent()).toHaveLength(0);
    leading = true;
    await clock.advance(6_000);
    expect(transport.requests).toHaveLength(1);
    transport.requests[0]?.beforeSend?.();
    expect(checks).toBe(1);
    expect(transport.requests[0]?.deadlineMs).toBe(3_000);
    await recorder.stop();
  });

  it('writes what is queued and the last counts when it stops, and refuses more', async () => {
    const { clock, transport, recorder, sent } = setUp();
    for (let each = 0; each < 4; each += 1) recorder.emit(WEB);
    await recorder.stop();
    expect(sent().map(({ body }) => body.series?.count)).toEqual([undefined, 2, 4]);
    recorder.emit(WEB);
    expect(recorder.counters.droppedFull).toBe(1);
    expect(clock.sleeping).toBe(0);
    expect(transport.requests).toHaveLength(3);
  });

  it('stops in time although the server does not answer', async () => {
    const { clock, transport, recorder } = setUp();
    transport.onRequest = () => lost();
    for (let each = 0; each < 30; each += 1) recorder.emit({ ...WEB, reason: `R${each}` });
    const stopping = recorder.stop(5_000);
    await clock.advance(5_000);
    await stopping;
    expect(recorder.counters.failed).toBe(25);
  });
});

describe('SpamFilter', () => {
  it('counts each object for itself and forgets the least recently used', () => {
    const filter = new SpamFilter(new VirtualClock());
    for (let each = 0; each < 25; each += 1) expect(filter.allows('a')).toBe(true);
    expect(filter.allows('a')).toBe(false);
    for (let each = 0; each < 4_096; each += 1) expect(filter.allows(`other ${each}`)).toBe(true);
    expect(filter.allows('a')).toBe(true);
  });
});

describe('eventNote', () => {
  it('is one visible line within its bytes, whatever the text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 1_500 });
    fc.assert(
      fc.property(text, (input) => {
        const note = eventNote(input);
        expect(Buffer.byteLength(note)).toBeLessThanOrEqual(MAX_NOTE_BYTES);
        expect(note).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });

  it.each([
    ['line\nbreak', 'line\\u{a}break'],
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['right\u202eleft', 'right\\u{202e}left'],
    ['café 𝄞', 'café 𝄞'],
  ])('writes %j as %j', (input, note) => {
    expect(eventNote(input)).toBe(note);
  });

  it('cuts between characters', () => {
    expect(cutToBytes('ééééé', 8)).toBe('éé…');
    expect(cutToBytes('short', 8)).toBe('short');
  });
});
