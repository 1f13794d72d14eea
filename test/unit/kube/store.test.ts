// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/kube/resource.ts';
import { ObjectStore, type StoreChange } from '../../../src/kube/store.ts';
import { pod } from './fake-transport.ts';

const types = (changes: readonly { type: string }[]) => changes.map((change) => change.type);

interface History {
  readonly name: string;
  readonly version: number;
}

/** Oracle: some versions of a name are deletions; the highest version that came decides. */
const isDeletion = ({ name, version }: History): boolean =>
  (version * 7 + name.charCodeAt(0)) % 4 === 0;

function newestOf(name: string, events: readonly History[]): string | undefined {
  const versions = events.filter((each) => each.name === name).map((each) => each.version);
  const version = Math.max(0, ...versions);
  return version > 0 && !isDeletion({ name, version }) ? String(version) : undefined;
}

/** A deletion ends a life: later versions have another uid. */
function uidAt({ name, version }: History): string {
  let life = 0;
  for (let each = 1; each < version; each += 1) {
    if (isDeletion({ name, version: each })) life += 1;
  }
  return `${name}-${life}`;
}

function deliver(store: ObjectStore, event: History): StoreChange[] {
  const object = pod(event.name, event.version, uidAt(event));
  return isDeletion(event) ? store.remove(object) : store.put(object);
}

/** Keeps a copy by changes alone, checking that each fits the copy. */
function mirrorChanges(mirror: Map<string, string>, changes: readonly StoreChange[]): void {
  for (const change of changes) {
    if (change.type === 'deleted') {
      expect(mirror.delete(change.key)).toBe(true);
      continue;
    }
    expect(mirror.has(change.key)).toBe(change.type === 'updated');
    mirror.set(change.key, change.object.metadata.resourceVersion ?? '');
  }
}

describe('ObjectStore', () => {
  it('D8: drops and counts a MODIFIED with an older resourceVersion', () => {
    const store = new ObjectStore();
    store.put(pod('a', 20));
    expect(store.put(pod('a', 7))).toEqual([]);
    expect(store.get('default/a')?.metadata.resourceVersion).toBe('20');
    expect(store.counters.stale).toBe(1);
  });

  it('tells a replacement of the same name as deleted and added', () => {
    const store = new ObjectStore();
    store.put(pod('a', 1, 'first'));
    const changes = store.put(pod('a', 2, 'second'));
    expect(types(changes)).toEqual(['deleted', 'added']);
    expect(changes[0]!.object.metadata.uid).toBe('first');
  });

  it('does not bring a deleted object back by a late event, but takes its successor', () => {
    const store = new ObjectStore();
    store.put(pod('a', 1));
    expect(types(store.remove(pod('a', 5)))).toEqual(['deleted']);
    expect(store.put(pod('a', 4))).toEqual([]);
    expect(store.get('default/a')).toBeUndefined();
    expect(types(store.put(pod('a', 6, 'next')))).toEqual(['added']);
  });

  it('leaves a newer life alone when the deletion of an older one comes late', () => {
    const store = new ObjectStore();
    store.put(pod('a', 9, 'second'));
    expect(store.remove(pod('a', 5, 'first'))).toEqual([]);
    expect(store.get('default/a')?.metadata.uid).toBe('second');
  });

  it('compares versions beyond 2^53 exactly', () => {
    const store = new ObjectStore();
    store.put(pod('a', '9007199254740993'));
    expect(store.put(pod('a', '9007199254740992'))).toEqual([]);
    expect(types(store.put(pod('a', '9007199254740994')))).toEqual(['updated']);
  });

  it('takes away what a list did not have unless it is newer than the list', () => {
    const store = new ObjectStore();
    store.put(pod('old', 3));
    store.put(pod('new', 9));
    expect(types(store.vanish('default/old', '5'))).toEqual(['deleted']);
    expect(store.vanish('default/new', '5')).toEqual([]);
    expect(store.size).toBe(1);
  });

  it('drops managedFields and what `trim` drops before it keeps an object', () => {
    const store = new ObjectStore({ trim: ({ spec: _spec, ...rest }: KubeObject) => rest });
    const full = pod('a', 1);
    const metadata = { ...full.metadata, managedFields: [{ manager: 'x' }] };
    store.put({ ...full, metadata, spec: { containers: [] } });
    expect(store.get('default/a')).toEqual(full);
  });

  it('finds objects by namespace, owner and label, and forgets them there as well', () => {
    const store = new ObjectStore({ indexLabels: ['app'] });
    const owned = (name: string, version: number, app: string) => {
      const { metadata, ...rest } = pod(name, version);
      const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs-uid' };
      return { ...rest, metadata: { ...metadata, labels: { app }, ownerReferences: [owner] } };
    };
    store.put(owned('a', 1, 'web'));
    store.put(owned('b', 2, 'web'));
    store.put(owned('a', 3, 'db'));
    const names = (found: readonly KubeObject[]) => found.map((each) => each.metadata.name).sort();
    expect(names(store.byLabel('app', 'web'))).toEqual(['b']);
    expect(names(store.byLabel('app', 'db'))).toEqual(['a']);
    expect(names(store.byOwner('rs-uid'))).toEqual(['a', 'b']);
    expect(names(store.list('default'))).toEqual(['a', 'b']);
    expect(store.list('other')).toEqual([]);
    store.remove(owned('a', 4, 'db'));
    expect(store.byLabel('app', 'db')).toEqual([]);
    expect(names(store.byOwner('rs-uid'))).toEqual(['b']);
  });

  it('reads its own writes: waits for a version or its deletion', async () => {
    const store = new ObjectStore();
    const never = new AbortController();
    const seen = store.waitFor('default/a', '5', never.signal);
    store.put(pod('a', 4));
    store.put(pod('a', 6));
    expect(await seen).toBe(true);
    const gone = store.waitFor('default/b', '7', never.signal);
    store.put(pod('b', 6));
    store.remove(pod('b', 8));
    expect(await gone).toBe(true);
    const givenUp = store.waitFor('default/c', '1', never.signal);
    never.abort();
    expect(await givenUp).toBe(false);
  });

  it('ends in the newest state of every object, whatever the order and repetition of events', () => {
    const event = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      version: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const store = new ObjectStore();
        const mirror = new Map<string, string>();
        for (const each of events) mirrorChanges(mirror, deliver(store, each));
        for (const name of ['a', 'b', 'c']) {
          const held = store.get(`default/${name}`)?.metadata.resourceVersion;
          expect(held).toBe(newestOf(name, events));
          expect(mirror.get(`default/${name}`)).toBe(held);
        }
      }),
      { numRuns: 500 },
    );
  });
});
