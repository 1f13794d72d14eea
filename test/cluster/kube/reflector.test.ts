// SPDX-License-Identifier: Apache-2.0
// The defects D1 to D10 on a real API server, faults by the proxy before it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/instrumentation/system-clock.ts';
import { createObject, deleteObject, mergePatch } from '../../../src/kube/apply.ts';
import { listObjects } from '../../../src/kube/list.ts';
import { Reflector } from '../../../src/kube/reflector.ts';
import type { ReflectorNote, ReflectorOptions } from '../../../src/kube/reflector-options.ts';
import { BUILT_IN, type KubeObject, objectKey } from '../../../src/kube/resource.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';
import type { FaultProxy } from '../../rig/fault-proxy/fault-proxy.ts';
import { configMap, connect, connectAdmin, eventually, proxyBefore } from './connect.ts';

const MAPS = BUILT_IN.configMaps;

let cluster: ControlPlane;
let admin: Transport;
let proxy: FaultProxy;
let through: Transport;
let namespace: string;
let notes: ReflectorNote[];
let reflectors: Reflector[];
let count = 0;

beforeAll(async () => {
  cluster = await startControlPlane({ name: 'kube-reflector' });
  admin = await connectAdmin(cluster);
}, 20 * 60_000);

afterAll(async () => {
  await admin?.close();
  await cluster?.stop();
});

beforeEach(async () => {
  count += 1;
  namespace = `r${count}`;
  await createObject(admin, BUILT_IN.namespaces, { metadata: { name: namespace } });
  proxy = await proxyBefore(cluster, count);
  through = connect(proxy.endpoint());
  notes = [];
  reflectors = [];
});

afterEach(async () => {
  await Promise.all(reflectors.map((each) => each.stop()));
  await through.close();
  await proxy.stop();
});

function reflect(options: Partial<ReflectorOptions<KubeObject>> = {}): Reflector {
  const reflector = new Reflector({
    type: MAPS,
    namespace,
    transport: through,
    clock: systemClock,
    random: Math.random,
    labelSelector: '!none',
    fieldSelector: 'metadata.name!=kube-root-ca.crt',
    verifyEveryMs: null,
    onNote: (note) => notes.push(note),
    ...options,
  });
  reflectors.push(reflector);
  return reflector;
}

async function write(name: string, value: string): Promise<void> {
  await createObject(admin, MAPS, configMap(namespace, name, value));
}

async function change(name: string, value: string): Promise<void> {
  const { items } = await listObjects(admin, { type: MAPS, namespace });
  const metadata = items.find((each) => each.metadata.name === name)?.metadata;
  if (metadata === undefined) throw new Error(`no ${name}`);
  const { uid = '', resourceVersion = '' } = metadata;
  const state = { namespace, name, uid, resourceVersion };
  if (value === '') await deleteObject(admin, MAPS, state);
  else await mergePatch(admin, { type: MAPS, state }, { data: { value } });
}

const requests = (verb: 'list' | 'watch') =>
  proxy.history.filter(({ kind, info }) => kind === 'request' && info.verb === verb);

/** What a cache holds, to compare with the server. */
const held = (objects: readonly KubeObject[]) =>
  objects.map(({ metadata }) => `${objectKey(metadata)}@${metadata.resourceVersion}`).sort();

async function equalsServer(reflector: Reflector): Promise<void> {
  const query = { type: MAPS, namespace, fieldSelector: 'metadata.name!=kube-root-ca.crt' };
  const { items } = await listObjects(admin, query);
  const expected = held(items).join();
  await eventually('cache equals LIST', () => held(reflector.cache.list()).join() === expected);
}

describe.each([
  ['streamed', true],
  ['paged', false],
])('Reflector with %s lists', (_name, watchList) => {
  it('follows creations, changes and deletions', async () => {
    await write('before', '1');
    const reflector = reflect({ watchList });
    await reflector.start();
    expect(reflector.cache.size).toBe(1);
    await write('after', '1');
    await change('before', '2');
    await change('after', '');
    await equalsServer(reflector);
    await eventually('deletion seen', () => reflector.cache.size === 1);
    expect(requests('list')).toHaveLength(watchList ? 0 : 1);
    expect(notes).toEqual([]);
    expect(reflector.cache.list()[0]?.metadata.managedFields).toBeUndefined();
  });

  it('D1: sends bookmarks and a timeout with every watch', async () => {
    await reflect({ watchList }).start();
    await eventually('a watch', () => requests('watch').length > 0);
    for (const { info } of requests('watch')) {
      const query = new URLSearchParams(info.query);
      expect(query.get('allowWatchBookmarks')).toBe('true');
      expect(Number(query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
      expect(query.get('sendInitialEvents')).toBe(watchList ? 'true' : null);
    }
  });

  it('D2, D3: sends nothing after stop', async () => {
    const reflector = reflect({ watchList });
    await reflector.start();
    await eventually('a watch', () => requests('watch').length > 0);
    await reflector.stop();
    const before = requests('watch').length + requests('list').length;
    await write('late', '1');
    await systemClock.sleep(1_500);
    expect(requests('watch').length + requests('list').length).toBe(before);
    expect(reflector.cache.size).toBe(0);
  });

  it('D4, D10: goes on at the last version after cut connections and cut lines, without listing', async () => {
    const reflector = reflect({ watchList });
    await reflector.start();
    await write('a', '1');
    await eventually('a', () => reflector.cache.size === 1);
    const lists = requests('list').length;
    const relists = reflector.counters.relists;
    proxy.cutAll();
    await write('b', '1');
    await eventually('b', () => reflector.cache.size === 2);
    proxy.rules.add({ on: 'line', resource: 'configmaps', nth: 1, fault: { kind: 'cut' } });
    await write('c', '1');
    await eventually('c', () => reflector.cache.size === 3);
    proxy.rules.clear();
    const replace = { kind: 'replace', line: '{"type":"ADDED","object' } as const;
    proxy.rules.add({ on: 'line', resource: 'configmaps', nth: 1, fault: replace });
    await write('d', '1');
    await eventually('d', () => reflector.cache.size === 4);
    expect(reflector.counters.breaks).toBeGreaterThanOrEqual(3);
    expect(requests('list')).toHaveLength(lists);
    expect(reflector.counters.relists).toBe(relists);
    await equalsServer(reflector);
  });

  it('D6: survives an in-stream 410 and 500', async () => {
    const reflector = reflect({ watchList });
    await write('a', '1');
    await reflector.start();
    for (const code of [410, 500]) {
      const line = JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code } });
      proxy.rules.clear();
      proxy.rules.add({
        on: 'line',
        nth: 1,
        eventType: 'MODIFIED',
        fault: { kind: 'replace', line },
      });
      await change('a', `${code}`);
      await equalsServer(reflector);
    }
  });

  it('D8: repeated and reordered events never bring an older version back', async () => {
    const reflector = reflect({ watchList });
    await write('a', '0');
    await reflector.start();
    const seen: bigint[] = [];
    reflector.onChange(({ object }) => seen.push(BigInt(object.metadata.resourceVersion ?? '0')));
    proxy.rules.add({ on: 'line', share: 0.3, fault: { kind: 'reorder' } });
    proxy.rules.add({ on: 'line', share: 0.3, fault: { kind: 'duplicate' } });
    for (let each = 1; each <= 30; each += 1) await change('a', String(each));
    proxy.rules.clear();
    await change('a', 'last');
    await equalsServer(reflector);
    expect(seen).toEqual([...seen].sort((a, b) => (a < b ? -1 : 1)));
    expect(reflector.dropped.stale + reflector.dropped.duplicate).toBeGreaterThan(0);
  });

  it('D9: waits for Retry-After and tries again', async () => {
    const verb = watchList ? 'watch' : 'list';
    const fault = { kind: 'status', code: 429, retryAfterSeconds: 1 } as const;
    proxy.rules.add({ on: 'before', verb, resource: 'configmaps', nth: 1, fault });
    await reflect({ watchList }).start();
    const [first, second] = requests(verb);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('R3: ends equal to the server although events are lost, by verification', async () => {
    const reflector = reflect({ watchList, verifyEveryMs: 3_000 });
    await write('a', '1');
    await write('b', '1');
    await reflector.start();
    proxy.rules.add({ on: 'line', fault: { kind: 'drop' } });
    await change('a', '2');
    await change('b', '');
    await write('c', '1');
    await equalsServer(reflector);
    expect(reflector.counters.repaired).toBeGreaterThanOrEqual(3);
  });
});

describe('Reflector on a real API server', () => {
  it('D14: lists 1200 objects in pages of 500', async () => {
    const names = Array.from({ length: 1_200 }, (_, each) => `m${each}`);
    for (let from = 0; from < names.length; from += 40) {
      await Promise.all(names.slice(from, from + 40).map((name) => write(name, '1')));
    }
    const reflector = reflect({ watchList: false });
    await reflector.start();
    expect(reflector.cache.size).toBe(1_200);
    const limits = requests('list').map(({ info }) => new URLSearchParams(info.query).get('limit'));
    expect(limits).toEqual(['500', '500', '500']);
  });

  it('goes through a restart of the API server without losing anything', async () => {
    const reflector = reflect();
    await write('a', '1');
    await reflector.start();
    await cluster.component('kube-apiserver').restart('SIGKILL');
    await cluster.waitFor('the API server', async () => {
      const { status } = await cluster.request('GET', '/readyz').catch(() => ({ status: 0 }));
      return status === 200;
    });
    await write('b', '1');
    await equalsServer(reflector);
  });
});
