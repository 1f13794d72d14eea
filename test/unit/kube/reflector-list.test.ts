// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Reflector } from '../../../src/kube/reflector.ts';
import type { ReflectorNote, ReflectorOptions } from '../../../src/kube/reflector-options.ts';
import { BUILT_IN, type KubeObject } from '../../../src/kube/resource.ts';
import type { StoreChange } from '../../../src/kube/store.ts';
import { seededRandom } from '../../rig/seeded-random.ts';
import { settle, VirtualClock } from '../../rig/virtual-clock.ts';
import { broken, FakeTransport, pod, podList, type Reply, status } from './fake-transport.ts';

function setUp(options: Partial<ReflectorOptions<KubeObject>> = {}) {
  const clock = new VirtualClock();
  const transport = new FakeTransport();
  const notes: ReflectorNote[] = [];
  const reflector = new Reflector({
    type: BUILT_IN.pods,
    transport,
    clock,
    random: seededRandom(2),
    verifyEveryMs: null,
    onNote: (note) => notes.push(note),
    ...options,
  });
  const changes: string[] = [];
  reflector.onChange((change: StoreChange) => {
    changes.push(`${change.type} ${change.key}@${change.object.metadata.resourceVersion}`);
  });
  const kinds = () => notes.map((note) => note.kind);
  return { clock, transport, reflector, notes, kinds, changes };
}

describe('Reflector: paged lists', () => {
  it('D14: asks for pages of 500 by quorum reads and lets other work run between them', async () => {
    const { transport, reflector, changes } = setUp({ watchList: false });
    const pages = 4;
    let turnsBetween = 0;
    let last: number | null = null;
    let turn = 0;
    let running = true;
    const countTurns = (): void => {
      turn += 1;
      if (running) setImmediate(countTurns);
    };
    countTurns();
    transport.onRequest = ({ query }) => {
      if (last !== null && turn > last) turnsBetween += 1;
      last = turn;
      const page = Number(query?.['continue'] ?? '0');
      const items = Array.from({ length: 500 }, (_, each) => pod(`p${page * 500 + each}`, 1));
      return podList(9, items, page + 1 < pages ? String(page + 1) : undefined);
    };
    let turnsInHandlers = 0;
    let lastChange = -1;
    reflector.onChange(() => {
      if (lastChange >= 0 && turn !== lastChange) turnsInHandlers += 1;
      lastChange = turn;
    });
    await reflector.start();
    running = false;
    expect(changes).toHaveLength(2_000);
    expect(transport.requests).toHaveLength(pages);
    for (const { query } of transport.requests) {
      expect(query?.['limit']).toBe('500');
      expect(query?.['resourceVersion']).toBeUndefined();
    }
    expect(turnsBetween).toBe(pages - 1);
    expect(turnsInHandlers).toBeGreaterThanOrEqual(pages - 1);
    await reflector.stop();
  });

  it('TestListPager: starts again as one unpaged list when the snapshot expires on a later page', async () => {
    const { transport, reflector } = setUp({ watchList: false });
    const replies: Reply[] = [
      podList(5, [pod('old', 1)], 'next'),
      status(410, 'Expired'),
      podList(9, [pod('new', 2)]),
    ];
    transport.onRequest = () => replies.shift() ?? status(500, 'TooMany');
    await reflector.start();
    expect(transport.requests.map(({ query }) => [query?.['limit'], query?.['continue']])).toEqual([
      ['500', undefined],
      ['500', 'next'],
      [undefined, undefined],
    ]);
    expect(reflector.cache.list().map((each) => each.metadata.name)).toEqual(['new']);
    await reflector.stop();
  });

  it('tries again with backoff when the answer is no list', async () => {
    const { clock, transport, reflector } = setUp({ watchList: false });
    const replies: Reply[] = [{ body: { kind: 'Status' } }, podList(9, [pod('a', 2)])];
    transport.onRequest = () => replies.shift() ?? podList(9, [pod('a', 2)]);
    const starting = reflector.start();
    await clock.advance(2_000);
    await starting;
    expect(reflector.cache.size).toBe(1);
    await reflector.stop();
  });
});

describe('Reflector: streamed lists', () => {
  it('TestWatchList: takes everything up to the bookmark as the list and stays on the stream', async () => {
    const { transport, reflector, changes } = setUp();
    const starting = reflector.start();
    await settle();
    const watch = transport.lastWatch;
    expect(watch.request.query).toMatchObject({
      watch: 'true',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      resourceVersion: '',
      allowWatchBookmarks: 'true',
    });
    watch.send('ADDED', pod('b', 9));
    watch.send('ADDED', pod('a', 5));
    await settle();
    expect(reflector.hasSynced).toBe(false);
    expect(changes).toEqual([]);
    watch.bookmark('12', true);
    await starting;
    watch.send('MODIFIED', pod('a', 13));
    await settle();
    expect(changes).toEqual(['added default/b@9', 'added default/a@5', 'updated default/a@13']);
    expect(transport.requests).toHaveLength(0);
    expect(transport.watches).toHaveLength(1);
    await reflector.stop();
  });

  it('does not take versions of initial events as places to resume from', async () => {
    const { clock, transport, reflector } = setUp();
    const starting = reflector.start();
    await settle();
    transport.lastWatch.send('ADDED', pod('a', 99));
    transport.lastWatch.fail(broken('ConnectionLost'));
    transport.onRequest = () => podList(100, [pod('a', 99)]);
    await clock.advance(2_000);
    await starting;
    expect(transport.lastWatch.request.query['resourceVersion']).toBe('100');
    await reflector.stop();
  });

  it('goes over to pages for good when the server refuses to stream lists', async () => {
    const { clock, transport, reflector, kinds } = setUp();
    transport.onWatch = ({ request }) =>
      request.query['sendInitialEvents'] === undefined ? null : status(422, 'Invalid');
    transport.onRequest = () => podList(10, [pod('a', 5)]);
    await reflector.start();
    await settle();
    transport.lastWatch.end();
    await clock.until(() => transport.requests.length === 2);
    expect(kinds()).toEqual(['fallback']);
    const streamed = transport.watchRequests.filter(({ query }) => 'sendInitialEvents' in query);
    expect(streamed).toHaveLength(1);
    await reflector.stop();
  });

  it('stays with streaming after 429', async () => {
    const { clock, transport, reflector } = setUp();
    let busy = true;
    transport.onWatch = () => (busy ? status(429, 'TooManyRequests') : null);
    const starting = reflector.start();
    await settle();
    busy = false;
    await clock.until(() => transport.watches.length === 1);
    transport.lastWatch.bookmark('7', true);
    await starting;
    expect(transport.requests).toHaveLength(0);
    await reflector.stop();
  });

  it('warns after ten seconds, and lists in pages once when the stream stays silent', async () => {
    const { clock, transport, reflector, kinds } = setUp();
    transport.onRequest = () => podList(10, [pod('a', 5)]);
    const starting = reflector.start();
    await clock.advance(10_001);
    expect(kinds()).toEqual(['slowWatchList']);
    await clock.advance(40_000);
    await starting;
    expect(transport.requests).toHaveLength(1);
    await reflector.stop();
  });

  it('TestWatchListResourceVersion: asks not older than what it saw, and for the latest when that expired', async () => {
    const { clock, transport, reflector } = setUp();
    const starting = reflector.start();
    await settle();
    transport.lastWatch.bookmark('12', true);
    await starting;
    transport.lastWatch.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    await clock.until(() => transport.watches.length === 2);
    expect(transport.lastWatch.request.query['resourceVersion']).toBe('12');
    transport.lastWatch.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    await clock.until(() => transport.watches.length === 3);
    expect(transport.lastWatch.request.query['resourceVersion']).toBe('');
    expect(transport.lastWatch.request.query['sendInitialEvents']).toBe('true');
    await reflector.stop();
  });

  it('TestReflectorFullListIfTooLarge: asks for the latest when its version is ahead of the server', async () => {
    const { clock, transport, reflector } = setUp();
    const starting = reflector.start();
    await settle();
    transport.lastWatch.bookmark('12', true);
    await starting;
    await clock.advance(2_000);
    let refuse = true;
    transport.onWatch = () => {
      const refused = refuse;
      refuse = false;
      const details = { causes: [{ reason: 'ResourceVersionTooLarge', message: 'too large' }] };
      return refused ? status(504, 'Timeout', { details }) : null;
    };
    transport.lastWatch.end();
    await clock.until(() => transport.watches.length === 2);
    expect(transport.lastWatch.request.query['resourceVersion']).toBe('');
    await reflector.stop();
  });

  it('TestReflectorReplacesStoreOnUnsafeDelete: a new list tells what vanished and what was replaced', async () => {
    const { clock, transport, reflector, changes } = setUp();
    const starting = reflector.start();
    await settle();
    transport.lastWatch.send('ADDED', pod('a', 5));
    transport.lastWatch.send('ADDED', pod('b', 6));
    transport.lastWatch.bookmark('12', true);
    await starting;
    changes.length = 0;
    transport.lastWatch.send('ERROR', { kind: 'Status', code: 500, reason: 'StoreReadError' });
    transport.lastWatch.end();
    transport.onWatch = (watch) => {
      if (!('sendInitialEvents' in watch.request.query)) return status(410, 'Expired');
      watch.send('ADDED', pod('b', 20, 'uid-b2'));
      watch.bookmark('25', true);
      return null;
    };
    await clock.until(() => changes.length === 3);
    expect(changes).toEqual(['deleted default/b@6', 'added default/b@20', 'deleted default/a@5']);
    await reflector.stop();
  });
});

describe('Reflector: verification and restored etcd', () => {
  it('finds and repairs what the watch did not bring, and counts it', async () => {
    const { clock, transport, reflector, changes, kinds } = setUp({
      watchList: false,
      verifyEveryMs: 600_000,
    });
    transport.onRequest = () => podList(10, [pod('a', 5), pod('b', 6)]);
    await reflector.start();
    changes.length = 0;
    transport.onRequest = () => podList(30, [pod('a', 22), pod('c', 23)]);
    await clock.advance(700_000);
    expect(changes.sort()).toEqual([
      'added default/c@23',
      'deleted default/b@6',
      'updated default/a@22',
    ]);
    expect(reflector.counters.repaired).toBe(3);
    expect(kinds()).toContain('repaired');
    await reflector.stop();
  });

  it('takes nothing for lost that the watch brings soon after, and nothing newer for wrong', async () => {
    const { clock, transport, reflector, changes } = setUp({
      watchList: false,
      verifyEveryMs: 600_000,
    });
    transport.onRequest = () => podList(10, [pod('a', 5)]);
    await reflector.start();
    await clock.advance(500_000);
    transport.onRequest = () => podList(30, [pod('a', 22)]);
    await clock.until(() => transport.requests.length === 2);
    transport.lastWatch.send('MODIFIED', pod('a', 22));
    transport.lastWatch.send('ADDED', pod('late', 31));
    transport.lastWatch.send('DELETED', pod('a', 33));
    await clock.advance(10_000);
    expect(reflector.counters.repaired).toBe(0);
    expect(changes).toEqual([
      'added default/a@5',
      'updated default/a@22',
      'added default/late@31',
      'deleted default/a@33',
    ]);
    await reflector.stop();
  });

  it('verifies at once when an event comes out of order', async () => {
    const { clock, transport, reflector } = setUp({ watchList: false, verifyEveryMs: 600_000 });
    transport.onRequest = () => podList(10, [pod('a', 5)]);
    await reflector.start();
    await clock.advance(1_000);
    transport.lastWatch.bookmark('40');
    transport.lastWatch.bookmark('3');
    await clock.advance(1_000);
    expect(reflector.verifications).toBe(1);
    await reflector.stop();
  });

  it('believes that versions went back only when a second list says so, then starts a new incarnation', async () => {
    const { clock, transport, reflector, kinds, changes } = setUp({ watchList: false });
    transport.onRequest = () => podList(1_000, [pod('a', 900), pod('b', 950)]);
    await reflector.start();
    await settle();
    changes.length = 0;
    transport.onRequest = () => podList(400, [pod('a', 300)]);
    transport.lastWatch.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    await clock.until(() => transport.requests.length === 2);
    expect(reflector.incarnation).toBe(0);
    expect(reflector.cache.size).toBe(2);
    await clock.until(() => reflector.incarnation === 1);
    await settle();
    expect(kinds()).toContain('regression');
    expect(changes).toEqual(['updated default/a@300', 'deleted default/b@950']);
    expect(transport.lastWatch.request.query['resourceVersion']).toBe('400');
    transport.lastWatch.send('MODIFIED', pod('a', 401));
    await settle();
    expect(reflector.cache.get('default/a')?.metadata.resourceVersion).toBe('401');
    await reflector.stop();
  });

  it('notices at verification that versions went back', async () => {
    const { clock, transport, reflector } = setUp({ watchList: false, verifyEveryMs: 600_000 });
    transport.onRequest = () => podList(1_000, [pod('a', 900)]);
    await reflector.start();
    transport.onRequest = () => podList(400, [pod('a', 300)]);
    await clock.until(() => reflector.incarnation === 1, 700_000);
    expect(reflector.cache.get('default/a')?.metadata.resourceVersion).toBe('300');
    await reflector.stop();
  });

  it('does not take one old list for a restore', async () => {
    const { clock, transport, reflector } = setUp({ watchList: false });
    transport.onRequest = () => podList(1_000, [pod('a', 900)]);
    await reflector.start();
    await settle();
    const replies = [podList(400, []), podList(1_001, [pod('a', 900)])];
    transport.onRequest = () => replies.shift() ?? podList(1_001, [pod('a', 900)]);
    transport.lastWatch.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    await clock.until(() => transport.watches.length === 2);
    expect(reflector.incarnation).toBe(0);
    expect(reflector.cache.size).toBe(1);
    await reflector.stop();
  });

  it('lists everything again on demand, trusting no version', async () => {
    const { transport, reflector } = setUp({ watchList: false });
    transport.onRequest = () => podList(1_000, [pod('a', 900)]);
    await reflector.start();
    await settle();
    transport.onRequest = () => podList(40, [pod('a', 30)]);
    reflector.relist();
    await settle(20);
    expect(reflector.cache.get('default/a')?.metadata.resourceVersion).toBe('30');
    await reflector.stop();
  });
});
