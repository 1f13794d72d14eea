// SPDX-License-Identifier: Apache-2.0
//
// Store: what we last heard of one collection. It answers: which objects are there, as of when? It never
// goes back in time: an older version of an object is dropped and counted, whoever brings it.
import { type KubeObject, objectKey } from './resource.ts';
import { compareResourceVersions, isOlder, newerResourceVersion } from './resource-version.ts';

/** One change of a collection. A replaced object (same name, other uid) is a `deleted` and an `added`. */
export type StoreChange<T extends KubeObject = KubeObject> =
  | { readonly type: 'added'; readonly key: string; readonly object: T; readonly initial: boolean }
  | {
      readonly type: 'updated';
      readonly key: string;
      readonly object: T;
      readonly old: T;
    }
  /** `object` is the last state known; the final one when the server sent it. */
  | { readonly type: 'deleted'; readonly key: string; readonly object: T };

/** What a store dropped, since the start. */
export interface StoreCounters {
  /** Versions older than what is here. */
  stale: number;
  /** Versions that are here already. */
  duplicate: number;
}

/** Read side of a store: all that a reconcile may see. */
export interface ObjectCache<T extends KubeObject = KubeObject> {
  readonly size: number;
  get(key: string): T | undefined;
  list(namespace?: string): readonly T[];
  /** Objects that name `uid` among their owners. */
  byOwner(uid: string): readonly T[];
  /** Objects with this label; only labels named at creation are indexed. */
  byLabel(label: string, value: string): readonly T[];
  /**
   * Resolves with true once the store holds the object at `resourceVersion` or later, or saw it deleted
   * after; with false when `signal` aborts first. So a reconcile reads its own writes.
   */
  waitFor(key: string, resourceVersion: string, signal: AbortSignal): Promise<boolean>;
}

/** What a store is made of. */
export interface StoreOptions<T extends KubeObject> {
  /** Drops what nobody reads, before an object is stored. `metadata.managedFields` goes in any case. */
  readonly trim?: ((object: T) => T) | undefined;
  /** Labels to look objects up by. */
  readonly indexLabels?: readonly string[] | undefined;
}

/** Deletions remembered, so that a late event does not bring an object back. The oldest go first. */
const MAX_TOMBSTONES = 65_536;

/** A map from a value to the keys of the objects that have it. */
class KeyIndex {
  readonly #keys = new Map<string, Set<string>>();

  add(value: string, key: string): void {
    const keys = this.#keys.get(value);
    if (keys === undefined) this.#keys.set(value, new Set([key]));
    else keys.add(key);
  }

  delete(value: string, key: string): void {
    const keys = this.#keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(value);
  }

  get(value: string): Iterable<string> {
    return this.#keys.get(value) ?? [];
  }
}

interface Waiter {
  readonly resourceVersion: string;
  readonly resolve: (seen: boolean) => void;
}

const versionOf = (object: KubeObject): string => object.metadata.resourceVersion ?? '';

function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Keeps one collection; every method returns what changed, in order, and calls nobody. */
export class ObjectStore<T extends KubeObject = KubeObject> implements ObjectCache<T> {
  readonly counters: StoreCounters = { stale: 0, duplicate: 0 };
  readonly #objects = new Map<string, T>();
  readonly #tombstones = new Map<string, string>();
  /** Keys of objects from before a restore of etcd: their versions compare with nothing. */
  readonly #unordered = new Set<string>();
  readonly #byNamespace = new KeyIndex();
  readonly #byOwner = new KeyIndex();
  readonly #byLabel = new KeyIndex();
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #indexLabels: readonly string[];
  readonly #trim: (object: T) => T;

  constructor(options: StoreOptions<T> = {}) {
    const { trim } = options;
    this.#indexLabels = options.indexLabels ?? [];
    this.#trim = (object) =>
      trim === undefined ? withoutManagedFields(object) : trim(withoutManagedFields(object));
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Keys of all objects, as of now. */
  keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly T[] {
    if (namespace === undefined) return [...this.#objects.values()];
    return this.#pick(this.#byNamespace.get(namespace));
  }

  byOwner(uid: string): readonly T[] {
    return this.#pick(this.#byOwner.get(uid));
  }

  byLabel(label: string, value: string): readonly T[] {
    return this.#pick(this.#byLabel.get(`${label}=${value}`));
  }

  waitFor(key: string, resourceVersion: string, signal: AbortSignal): Promise<boolean> {
    if (this.#hasSeen(key, resourceVersion)) return Promise.resolve(true);
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(key) ?? new Set();
      this.#waiters.set(key, waiters);
      const onAbort = (): void => settle(false);
      const settle = (seen: boolean): void => {
        signal.removeEventListener('abort', onAbort);
        waiters.delete(waiter);
        if (waiters.size === 0) this.#waiters.delete(key);
        resolve(seen);
      };
      const waiter: Waiter = { resourceVersion, resolve: settle };
      signal.addEventListener('abort', onAbort, { once: true });
      waiters.add(waiter);
    });
  }

  /**
   * Trims an object ahead of `put`, for callers that collect a list first: what is collected is then as
   * small as what will be stored.
   */
  prepare(object: KubeObject): T {
    return this.#trim(object as T);
  }

  /** Takes an ADDED or MODIFIED object. */
  put(object: KubeObject, initial = false): StoreChange<T>[] {
    const next = this.prepare(object);
    const key = objectKey(next.metadata);
    const current = this.#objects.get(key);
    if (this.#isStale(key, current, versionOf(next))) {
      this.counters.stale += 1;
      return [];
    }
    if (current !== undefined && current.metadata.uid === next.metadata.uid) {
      if (this.#knownVersion(key, current) === versionOf(next)) {
        this.counters.duplicate += 1;
        return [];
      }
      this.#replaceAt(key, current, next);
      return [{ type: 'updated', key, object: next, old: current }];
    }
    this.#replaceAt(key, current, next);
    const added: StoreChange<T> = { type: 'added', key, object: next, initial };
    return current === undefined ? [added] : [{ type: 'deleted', key, object: current }, added];
  }

  /**
   * Takes a DELETED object. It removes the life that it names, and any life older than that: one name has
   * one life at a time.
   */
  remove(object: KubeObject): StoreChange<T>[] {
    const last = this.prepare(object);
    const key = objectKey(last.metadata);
    const current = this.#objects.get(key);
    const sameLife = current?.metadata.uid === last.metadata.uid;
    if (
      current !== undefined &&
      !sameLife &&
      !isOlder(this.#knownVersion(key, current), versionOf(last))
    ) {
      this.counters.stale += 1;
      return [];
    }
    this.#replaceAt(key, current, undefined);
    this.#bury(key, versionOf(last));
    if (current === undefined) return [];
    return [{ type: 'deleted', key, object: sameLife ? last : current }];
  }

  /**
   * Takes away an object that a list of `listVersion` did not have, unless it is newer than the list.
   */
  vanish(key: string, listVersion: string): StoreChange<T>[] {
    const current = this.#objects.get(key);
    if (current === undefined || isOlder(listVersion, this.#knownVersion(key, current))) {
      return [];
    }
    this.#replaceAt(key, current, undefined);
    this.#bury(key, listVersion);
    return [{ type: 'deleted', key, object: current }];
  }

  /** Forgets deletions up to a list that is applied in full: older lists cannot come any more. */
  forgetDeletions(upTo: string): void {
    for (const [key, version] of this.#tombstones) {
      if (!isOlder(upTo, version)) this.#tombstones.delete(key);
    }
  }

  /**
   * Forgets the order of versions: after a restore of etcd they start again lower. Objects stay until the
   * next list replaces them.
   */
  forgetVersions(): void {
    this.#tombstones.clear();
    for (const key of this.#objects.keys()) this.#unordered.add(key);
  }

  /** Version of what is here, for comparing; empty, which is unordered, when versions started anew since. */
  #knownVersion(key: string, current: T): string {
    return this.#unordered.has(key) ? '' : versionOf(current);
  }

  #pick(keys: Iterable<string>): readonly T[] {
    const found: T[] = [];
    for (const key of keys) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  #isStale(key: string, current: T | undefined, version: string): boolean {
    const known =
      current === undefined ? this.#tombstones.get(key) : this.#knownVersion(key, current);
    return known !== undefined && isOlder(version, known);
  }

  #bury(key: string, version: string): void {
    const known = this.#tombstones.get(key) ?? '';
    this.#tombstones.delete(key);
    this.#tombstones.set(key, newerResourceVersion(known, version));
    if (this.#tombstones.size > MAX_TOMBSTONES) {
      const [oldest] = this.#tombstones.keys();
      if (oldest !== undefined) this.#tombstones.delete(oldest);
    }
    this.#wake(key);
  }

  #replaceAt(key: string, current: T | undefined, next: T | undefined): void {
    this.#unordered.delete(key);
    if (current !== undefined) this.#index(current, key, 'delete');
    if (next === undefined) {
      this.#objects.delete(key);
      return;
    }
    this.#objects.set(key, next);
    this.#tombstones.delete(key);
    this.#index(next, key, 'add');
    this.#wake(key);
  }

  #index(object: T, key: string, change: 'add' | 'delete'): void {
    const { namespace, ownerReferences, labels } = object.metadata;
    if (namespace !== undefined) this.#byNamespace[change](namespace, key);
    for (const owner of ownerReferences ?? []) this.#byOwner[change](owner.uid, key);
    for (const label of this.#indexLabels) {
      const value = labels?.[label];
      if (value !== undefined) this.#byLabel[change](`${label}=${value}`, key);
    }
  }

  #hasSeen(key: string, resourceVersion: string): boolean {
    const current = this.#objects.get(key);
    const known =
      current === undefined ? this.#tombstones.get(key) : this.#knownVersion(key, current);
    if (known === undefined) return false;
    const order = compareResourceVersions(known, resourceVersion);
    return order !== null && order >= 0;
  }

  #wake(key: string): void {
    for (const waiter of [...(this.#waiters.get(key) ?? [])]) {
      if (this.#hasSeen(key, waiter.resourceVersion)) waiter.resolve(true);
    }
  }
}
