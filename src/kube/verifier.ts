// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs } from '../domain/clock.ts';
import { ApiError } from './api-error.ts';
import { type ListQuery, listPages } from './list.ts';
import { type KubeObject, objectKey } from './resource.ts';
import type { ObjectStore, StoreChange } from './store.ts';
import type { Transport } from './transport.ts';

/** Time for the watch to bring what a verifying list saw first. */
const SETTLE_MS = 5_000;
/** Least time between two verifications, however many are asked for. */
const MIN_GAP_MS = 60_000;

/** What a verifier works on. */
export interface VerifierOptions<T extends KubeObject> {
  readonly query: ListQuery;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly store: ObjectStore<T>;
  /** Milliseconds between two verifications, +-10 %. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
  /** False until the first list is in. */
  readonly ready: () => boolean;
  /** Changes when the whole store was replaced; a list read before that is of no use. */
  readonly generation: () => number;
  /** Judges the version of the list; false: do not use it. */
  readonly accepts: (version: string) => boolean;
  /** Hears of repairs, after they are made. */
  readonly repaired: (changes: readonly StoreChange<T>[]) => void;
}

/**
 * Compares a store with a fresh list now and then, and repairs what the watch did not bring. A resync of
 * local objects cannot do that: it repeats what is known.
 */
export class Verifier<T extends KubeObject> {
  readonly #options: VerifierOptions<T>;
  #wake = new AbortController();
  #startedAt: MonoMs = Number.NEGATIVE_INFINITY;
  #runs = 0;

  constructor(options: VerifierOptions<T>) {
    this.#options = options;
  }

  /** Verifications so far. */
  get runs(): number {
    return this.#runs;
  }

  /** Asks for a verification now, because something looked wrong; not more than one a minute. */
  hurry(): void {
    if (this.#options.clock.monoMs() - this.#startedAt >= MIN_GAP_MS) this.#wake.abort();
  }

  /** Verifies until the signal aborts. */
  async run(): Promise<void> {
    const { clock, random, everyMs, signal, ready } = this.#options;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const wake = AbortSignal.any([signal, this.#wake.signal]);
      await clock.sleep(everyMs * (0.9 + 0.2 * random()), wake);
      if (!signal.aborted && ready()) await this.#verify();
    }
  }

  async #verify(): Promise<void> {
    const { query, transport, clock, store, signal, generation } = this.#options;
    this.#startedAt = clock.monoMs();
    this.#runs += 1;
    const startGeneration = generation();
    const before = store.keys();
    const listed = new Set<string>();
    const differing = new Map<string, T>();
    let version: string;
    try {
      version = await listPages(transport, query, {
        signal,
        onPage: (page) => {
          for (const item of page) this.#compare(item, listed, differing);
        },
        restarted: () => {
          listed.clear();
          differing.clear();
        },
      });
    } catch (error) {
      // This is a second look; that the server is gone shows at the watch.
      if (error instanceof ApiError) return;
      throw error;
    }
    if (!this.#options.accepts(version)) return;
    const missing = before.filter((key) => !listed.has(key));
    if (differing.size + missing.length === 0) return;
    await clock.sleep(SETTLE_MS, signal);
    if (signal.aborted || generation() !== startGeneration) return;
    const changes = [
      ...[...differing.values()].flatMap((item) => store.put(item)),
      ...missing.flatMap((key) => store.vanish(key, version)),
    ];
    if (changes.length > 0) this.#options.repaired(changes);
  }

  #compare(item: KubeObject, listed: Set<string>, differing: Map<string, T>): void {
    const { store } = this.#options;
    const key = objectKey(item.metadata);
    listed.add(key);
    const known = store.get(key)?.metadata;
    const { uid, resourceVersion } = item.metadata;
    if (known?.uid !== uid || known?.resourceVersion !== resourceVersion) {
      differing.set(key, store.prepare(item));
    }
  }
}
