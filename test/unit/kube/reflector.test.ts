// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { HomeostatError } from '../../../src/errors.ts';
import { Reflector } from '../../../src/kube/reflector.ts';
import type { ReflectorNote, ReflectorOptions } from '../../../src/kube/reflector-options.ts';
import { BUILT_IN, type KubeObject } from '../../../src/kube/resource.ts';
import type { StoreChange } from '../../../src/kube/store.ts';
import { seededRandom } from '../../rig/seeded-random.ts';
import { settle, VirtualClock } from '../../rig/virtual-clock.ts';
import { broken, FakeTransport, lost, pod, podList, type Reply, status } from './fake-transport.ts';

function setUp(options: Partial<ReflectorOptions<KubeObject>> = {}) {
  const clock = new VirtualClock();
  const transport = new FakeTransport();
  transport.onRequest = () => podList(10, [pod('a', 5), pod('b', 9)]);
  const notes: ReflectorNote[] = [];
  const reflector = new Reflector({
    type: BUILT_IN.pods,
    transport,
    clock,
    random: seededRandom(1),
    watchList: false,
    verifyEveryMs: null,
    onNote: (note) => notes.push(note),
    ...options,
  });
  const changes: string[] = [];
  reflector.onChange((change: StoreChange) => {
    changes.push(`${change.type} ${change.key}@${change.object.metadata.resourceVersion}`);
  });
  const lists = () => transport.requests.length;
  const query = (index: number) => transport.watchRequests.at(index)?.query ?? {};
  return { clock, transport, reflector, notes, changes, lists, query };
}

async function started(options: Partial<ReflectorOptions<KubeObject>> = {}) {
  const all = setUp(options);
  await all.reflector.start();
  await settle();
  return all;
}

/** A server that keeps time: bookmarks each minute, a clean close at timeoutSeconds. */
function quietServer(clock: VirtualClock, transport: FakeTransport, version: string): void {
  transport.onWatch = (watch) => {
    const ended = new AbortController();
    const run = async (): Promise<void> => {
      const seconds = Number(watch.request.query['timeoutSeconds'] ?? '0');
      const endsAt = clock.monoMs() + seconds * 1000;
      while (clock.monoMs() + 60_000 < endsAt) {
        await clock.sleep(60_000, ended.signal);
        watch.bookmark(version);
      }
      await clock.sleep(endsAt - clock.monoMs(), ended.signal);
      watch.end();
    };
    void run();
    return null;
  };
}

describe('Reflector: start and stop', () => {
  it('lists, tells handlers, and is synced when they heard of everything', async () => {
    const { reflector, changes, transport } = setUp();
    let syncedWhenTold = true;
    reflector.onChange(() => {
      syncedWhenTold &&= !reflector.hasSynced;
    });
    await reflector.start();
    expect(syncedWhenTold).toBe(true);
    expect(reflector.hasSynced).toBe(true);
    expect(changes).toEqual(['added default/a@5', 'added default/b@9']);
    await settle();
    expect(transport.lastWatch.request.query['resourceVersion']).toBe('10');
    await reflector.stop();
  });

  it('D7: rejects a second start', async () => {
    const { reflector, transport } = await started();
    await expect(reflector.start()).rejects.toThrow(HomeostatError);
    await settle();
    expect(transport.watchRequests).toHaveLength(1);
    await reflector.stop();
  });

  it('D2: emits nothing and sends nothing after stop, which resolves for every caller', async () => {
    const { clock, reflector, transport, changes, lists } = await started();
    const watch = transport.lastWatch;
    changes.length = 0;
    await Promise.all([reflector.stop(), reflector.stop()]);
    watch.send('ADDED', pod('c', 11));
    watch.fail(lost());
    await clock.advance(3_600_000);
    expect(changes).toEqual([]);
    expect(lists()).toBe(1);
    expect(transport.watchRequests).toHaveLength(1);
    expect(watch.closedByClient).toBe(true);
    expect(clock.sleeping).toBe(0);
  });

  it('D3: opens no watch when it is stopped during the list', async () => {
    const { clock, reflector, transport } = setUp();
    const reply = Promise.withResolvers<Reply>();
    transport.onRequest = () => reply.promise;
    const starting = reflector.start();
    await settle();
    const stopping = reflector.stop();
    reply.resolve(podList(10, [pod('a', 5)]));
    await expect(starting).rejects.toThrow('stopped before it was done');
    await stopping;
    await clock.advance(600_000);
    expect(transport.requests).toHaveLength(1);
    expect(transport.watchRequests).toHaveLength(0);
    await expect(reflector.start()).rejects.toThrow(HomeostatError);
  });

  it('fails to start, and stops, when the first list does not come within two minutes', async () => {
    const { clock, reflector, transport, lists } = setUp();
    transport.onRequest = () => status(403, 'Forbidden');
    const starting = reflector.start();
    starting.catch(() => undefined);
    await clock.advance(121_000);
    await expect(starting).rejects.toMatchObject({ code: 'HOMEO_KUBE_SYNC_TIMEOUT' });
    const before = lists();
    expect(before).toBeGreaterThan(1);
    await clock.advance(600_000);
    expect(lists()).toBe(before);
  });

  it('TestEventPanics, D5: survives handlers that throw or reject, counts them, and goes on', async () => {
    const { reflector, transport, notes, changes } = setUp();
    reflector.onChange(() => {
      throw new Error('bad handler');
    });
    reflector.onChange(() => Promise.reject(new Error('bad promise')));
    const queued: string[] = [];
    reflector.onChange((change) => queued.push(change.key));
    await reflector.start();
    await settle();
    transport.lastWatch.send('MODIFIED', pod('a', 11));
    await settle();
    expect(reflector.counters.handlerErrors).toBe(6);
    expect(notes.filter((note) => note.kind === 'handlerError')).toHaveLength(6);
    expect(queued).toEqual(['default/a', 'default/b', 'default/a']);
    expect(changes.at(-1)).toBe('updated default/a@11');
    transport.lastWatch.end();
    await settle();
    expect(transport.lastWatch.request.query['resourceVersion']).toBe('11');
    await reflector.stop();
  });

  it('TestRemoveWhileActive: tells a removed handler nothing more, a late one what is there', async () => {
    const { reflector, transport } = await started();
    const late: string[] = [];
    const remove = reflector.onChange((change) => late.push(`${change.type} ${change.key}`));
    expect(late).toEqual(['added default/a', 'added default/b']);
    remove();
    transport.lastWatch.send('DELETED', pod('a', 12));
    await settle();
    expect(late).toHaveLength(2);
    await reflector.stop();
  });
});

describe('Reflector: watching', () => {
  it('D1: asks for bookmarks and a timeout, and does not list a quiet resource again for an hour', async () => {
    const { clock, transport, reflector } = setUp();
    quietServer(clock, transport, '77');
    await reflector.start();
    await clock.advance(3_600_000);
    expect(transport.requests).toHaveLength(1);
    expect(reflector.counters.relists).toBe(1);
    for (const { query } of transport.watchRequests) {
      expect(query['allowWatchBookmarks']).toBe('true');
      const seconds = Number(query['timeoutSeconds']);
      expect(seconds).toBeGreaterThanOrEqual(300);
      expect(seconds).toBeLessThanOrEqual(600);
    }
    expect(transport.watchRequests.length).toBeGreaterThanOrEqual(6);
    expect(transport.watchRequests.at(-1)?.query['resourceVersion']).toBe('77');
    await reflector.stop();
  });

  it('D4: goes on at the last version after a reset, with backoff', async () => {
    const { clock, transport, reflector, lists, query } = await started();
    transport.lastWatch.send('ADDED', pod('c', 11));
    transport.lastWatch.fail(broken('ConnectionLost'));
    await settle();
    expect(transport.watchRequests).toHaveLength(1);
    await clock.advance(1_700);
    expect(transport.watchRequests).toHaveLength(2);
    expect(query(-1)['resourceVersion']).toBe('11');
    expect(lists()).toBe(1);
    transport.lastWatch.send('ADDED', pod('d', 12));
    await settle();
    expect(reflector.cache.size).toBe(4);
    await reflector.stop();
  });

  it.each(['MalformedLine', 'TruncatedLine', 'LineTooLong'])(
    'D10: takes %s for a broken stream and goes on at the last version',
    async (reason) => {
      const { clock, transport, reflector, lists, query } = await started();
      transport.lastWatch.send('ADDED', pod('c', 11));
      transport.lastWatch.fail(broken(reason));
      await clock.advance(2_000);
      expect(query(-1)['resourceVersion']).toBe('11');
      expect(lists()).toBe(1);
      expect(reflector.counters.breaks).toBe(1);
      await reflector.stop();
    },
  );

  it.each([
    ['an unknown type', 'SURPRISE', pod('c', 11)],
    ['an object without metadata', 'ADDED', { kind: 'Pod' }],
    ['null', 'MODIFIED', null],
    ['a bookmark without a version', 'BOOKMARK', { metadata: {} }],
  ])('D10: refuses %s instead of swallowing it', async (_name, type, object) => {
    const { clock, transport, reflector } = await started();
    transport.lastWatch.send(type, object);
    await clock.advance(2_000);
    expect(reflector.counters.breaks).toBe(1);
    expect(transport.watchRequests).toHaveLength(2);
    await reflector.stop();
  });

  it('relists when the stream breaks twice at the same version', async () => {
    const { clock, transport, reflector, lists } = await started();
    transport.lastWatch.fail(broken('ConnectionLost'));
    await clock.until(() => transport.watches.length === 2);
    transport.lastWatch.fail(broken('ConnectionLost'));
    await clock.until(() => lists() === 2);
    await reflector.stop();
  });

  it('D8: an older MODIFIED changes nothing and is counted', async () => {
    const { transport, reflector, changes } = await started();
    transport.lastWatch.send('MODIFIED', pod('a', 20));
    transport.lastWatch.send('MODIFIED', pod('a', 7));
    await settle();
    expect(reflector.cache.get('default/a')?.metadata.resourceVersion).toBe('20');
    expect(reflector.dropped.stale).toBe(1);
    expect(changes.at(-1)).toBe('updated default/a@20');
    await reflector.stop();
  });

  it('D6, TestRetryInternalError: an in-stream 500 is tried again a few times, then relisted', async () => {
    const { clock, transport, reflector, lists } = await started();
    transport.onWatch = (watch) => {
      watch.send('ERROR', { kind: 'Status', code: 500, reason: 'InternalError' });
      return null;
    };
    transport.lastWatch.send('ERROR', { kind: 'Status', code: 500, reason: 'InternalError' });
    let watchesBefore = 0;
    transport.onRequest = () => {
      watchesBefore = transport.watchRequests.length;
      return podList(10, []);
    };
    await clock.until(() => lists() === 2);
    expect(watchesBefore).toBe(3);
    await reflector.stop();
  });

  it('TestBackoffOnTooManyRequests, TestNoRelistOnTooManyRequests: waits as asked and does not list', async () => {
    const { clock, transport, reflector, lists } = await started();
    let refusals = 3;
    transport.onWatch = () => {
      refusals -= 1;
      if (refusals < 0) return null;
      return status(429, 'TooManyRequests', { details: { retryAfterSeconds: 20 } });
    };
    await clock.advance(2_000);
    transport.lastWatch.end();
    await clock.advance(59_000);
    expect(transport.watches).toHaveLength(1);
    await clock.until(() => transport.watches.length === 2, 120_000);
    expect(lists()).toBe(1);
    await reflector.stop();
  });

  it('backs off while the server refuses connections, without listing again', async () => {
    const { clock, transport, reflector, lists } = await started();
    await clock.advance(2_000);
    transport.onWatch = () => lost('no');
    transport.lastWatch.end();
    await clock.advance(600_000);
    const attempts = transport.watchRequests.length;
    expect(lists()).toBe(1);
    // 0.8 s doubling to 30 s, each pause up to twice that: no burst, no sleep for ever.
    expect(attempts).toBeGreaterThan(12);
    expect(attempts).toBeLessThan(30);
    await reflector.stop();
  });

  it.each([
    ['in the stream', true],
    ['as the answer', false],
  ])('TestReflectorFullListIfExpired: lists again after 410 %s', async (_name, inStream) => {
    const { clock, transport, reflector, lists, changes } = await started();
    const first = transport.lastWatch;
    if (inStream) {
      first.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    } else {
      let once = true;
      transport.onWatch = () => {
        const refuse = once;
        once = false;
        return refuse ? status(410, 'Expired') : null;
      };
      first.end();
    }
    transport.onRequest = () => podList(50, [pod('b', 40)]);
    await clock.until(() => lists() === 2);
    await clock.until(() => transport.watches.length === 2);
    expect(transport.lastWatch.request.query['resourceVersion']).toBe('50');
    expect(changes.slice(2)).toEqual(['updated default/b@40', 'deleted default/a@5']);
    await reflector.stop();
  });

  it('relists after a very short watch, and not after a normal close', async () => {
    const { clock, transport, reflector, lists } = await started();
    await clock.advance(2_000);
    transport.lastWatch.end();
    await settle();
    expect(transport.watches).toHaveLength(2);
    expect(lists()).toBe(1);
    transport.lastWatch.end();
    await clock.until(() => lists() === 2);
    await reflector.stop();
  });

  it('tells once that it is degraded without permission, keeps trying, and tells that it recovered', async () => {
    const { clock, transport, reflector, notes, lists } = await started();
    await clock.advance(2_000);
    transport.onWatch = () => status(403, 'Forbidden');
    transport.lastWatch.end();
    await clock.advance(120_000);
    expect(notes.map((note) => note.kind)).toEqual(['degraded']);
    expect(lists()).toBe(1);
    transport.onWatch = () => null;
    await clock.until(() => transport.watches.length === 2);
    transport.lastWatch.bookmark('60');
    await settle();
    expect(notes.map((note) => note.kind)).toEqual(['degraded', 'recovered']);
    await reflector.stop();
  });

  it('keeps trying after 404, and notices that everything is gone once the resource is back', async () => {
    const { clock, transport, reflector, changes } = await started();
    transport.onWatch = () => status(404, 'NotFound');
    transport.onRequest = () => status(404, 'NotFound');
    transport.lastWatch.end();
    await clock.advance(300_000);
    expect(reflector.cache.size).toBe(2);
    transport.onWatch = () => null;
    transport.onRequest = () => podList(90, []);
    await clock.until(() => reflector.cache.size === 0);
    expect(changes.slice(2)).toEqual(['deleted default/a@5', 'deleted default/b@9']);
    await reflector.stop();
  });

  it('notices a silent connection after bookmarks stop, and watches again without listing', async () => {
    const { clock, transport, reflector, lists, query } = await started();
    for (const version of ['20', '21', '22']) {
      await clock.advance(50_000);
      transport.lastWatch.bookmark(version);
    }
    await clock.advance(140_000);
    expect(transport.watches).toHaveLength(1);
    await clock.advance(41_000);
    expect(transport.watches).toHaveLength(2);
    expect(transport.watches[0]!.closedByClient).toBe(true);
    expect(query(-1)['resourceVersion']).toBe('22');
    expect(lists()).toBe(1);
    await reflector.stop();
  });

  it('TestWatchTimeout: gives a stream up that the server does not end in time, bookmarks or not', async () => {
    const { clock, transport, reflector, lists } = await started();
    const seconds = Number(transport.lastWatch.request.query['timeoutSeconds']);
    await clock.advance(seconds * 1000 + 29_000);
    expect(transport.watches).toHaveLength(1);
    await clock.advance(2_000);
    expect(transport.watches).toHaveLength(2);
    expect(lists()).toBe(1);
    await reflector.stop();
  });

  it('knows when the server was last heard of', async () => {
    const { clock, transport, reflector } = await started();
    await clock.advance(30_000);
    expect(reflector.freshAtMono).toBe(0);
    transport.lastWatch.bookmark('30');
    await settle();
    expect(reflector.freshAtMono).toBe(30_000);
    await reflector.stop();
  });
});
