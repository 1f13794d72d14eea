// SPDX-License-Identifier: Apache-2.0
/** The reflectors of everything that the loop watches, and what the loop reads of them. */
import type { Clock } from '../../domain/clock.ts';
import type { Log } from '../../instrumentation/log.ts';
import { Reflector } from '../../kube/reflector.ts';
import type { ReflectorNote } from '../../kube/reflector-options.ts';
import type { ResourceType } from '../../kube/resource.ts';
import type { Transport } from '../../kube/transport.ts';
import { type RawObjects, WATCHED, type WatchedResource } from '../cluster-state.ts';

/** What the watches are made of. */
export interface WatchesOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  /** Namespaces to watch; empty: all. */
  readonly namespaces: readonly string[];
}

const NEVER_MS = 2 ** 31 - 1;

/** Starts, reads and stops the reflectors. */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #reflectors = new Map<WatchedResource, readonly Reflector[]>();
  readonly #listeners = new Set<(resource: WatchedResource, namespace: string) => void>();

  constructor(options: WatchesOptions) {
    this.#options = options;
    for (const type of WATCHED) {
      const scopes = type.namespaced && options.namespaces.length > 0 ? options.namespaces : [''];
      this.#reflectors.set(
        type.resource,
        scopes.map((namespace) => this.#reflector(type, namespace)),
      );
    }
  }

  #reflector(type: ResourceType & { resource: WatchedResource }, namespace: string): Reflector {
    const { transport, clock, log } = this.#options;
    const onNote = (note: ReflectorNote): void => {
      // Versions went back: etcd was restored. Whatever the other collections hold may never have been.
      if (note.kind === 'regression') this.#relistAll();
      const error = 'error' in note ? { error: String(note.error) } : {};
      log.warn('watch', { entity: type.resource, reason: note.kind, ...error });
    };
    const reflector = new Reflector({
      type,
      ...(namespace === '' ? {} : { namespace }),
      transport,
      clock,
      random: Math.random,
      // A missing right or kind is no reason to give up: it is reported, and may come later.
      syncTimeoutMs: NEVER_MS,
      onNote,
    });
    reflector.onChange(({ object }) => {
      for (const tell of this.#listeners) tell(type.resource, object.metadata.namespace ?? '');
    });
    return reflector;
  }

  #relistAll(): void {
    for (const each of [...this.#reflectors.values()].flat()) each.relist();
  }

  /** Starts everything; resolves when all first lists are in. Rejects only when stopped before. */
  async start(): Promise<void> {
    await Promise.all([...this.#reflectors.values()].flat().map((each) => each.start()));
  }

  /** The collections whose first list is not in yet. */
  missing(): readonly string[] {
    return [...this.#reflectors]
      .filter(([, reflectors]) => reflectors.some((each) => !each.hasSynced))
      .map(([resource]) => resource);
  }

  /** Reads raw objects as the loop wants them. */
  readonly raw: RawObjects = (resource, namespace) =>
    (this.#reflectors.get(resource) ?? []).flatMap((each) => each.cache.list(namespace));

  /** Calls back at every change; returns what removes it again. */
  onChange(tell: (resource: WatchedResource, namespace: string) => void): () => void {
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Resolves at the next change of a pod of the namespace, or when the signal aborts. */
  podsChanged(namespace: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        remove();
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const remove = this.onChange((resource, changed) => {
        if (resource === 'pods' && changed === namespace) finish();
      });
      signal.addEventListener('abort', finish);
      if (signal.aborted) finish();
    });
  }

  /** Stops everything. */
  async stop(): Promise<void> {
    await Promise.all([...this.#reflectors.values()].flat().map((each) => each.stop()));
  }
}
