// SPDX-License-Identifier: Apache-2.0
//
// Reflector: keeps a store equal to one collection of the API server, by a streamed or paged list and a
// watch that resumes. It answers nothing itself: handlers hear of changes, the cache is read.
// It never: lets a handler's error out, goes back in time, or emits after `stop`.
//
//   const pods = new Reflector({ type: BUILT_IN.pods, transport, clock, random });
//   pods.onChange((change) => queue.add(change.key));
//   await pods.start();
//
// Source: client-go tools/cache/reflector.go and shared_informer.go; what differs is said where it does.
import type { MonoMs } from '../domain/clock.ts';
import { HomeostatError } from '../errors.ts';
import { ApiError } from './api-error.ts';
import { Backoff, REFLECTOR_BACKOFF } from './backoff.ts';
import { ChangeFeed, type ChangeHandler } from './change-feed.ts';
import { listPages, PAGE_SIZE, yieldTurn } from './list.ts';
import type { ReflectorCounters, ReflectorNote, ReflectorOptions } from './reflector-options.ts';
import { collectionPath, type KubeObject, objectKey } from './resource.ts';
import { type ObjectCache, ObjectStore, type StoreChange, type StoreCounters } from './store.ts';
import { cannotStreamLists, type ListEnd, type Snapshot, StreamedList } from './streamed-list.ts';
import { Verifier } from './verifier.ts';
import { VersionHorizon } from './version-horizon.ts';
import { type NextStep, nextStep, RELIST } from './watch-outcome.ts';
import { type ObjectEvent, readSession, type SessionOptions } from './watch-session.ts';

const DEFAULT_VERIFY_MS = 600_000;
const DEFAULT_SYNC_TIMEOUT_MS = 120_000;
const MIN_WATCH_SECONDS = 300;
const HARD_LIMIT_SLACK_MS = 30_000;
const SLOW_LIST_MS = 10_000;
/** Silence inside the initial events after which pages are tried instead. */
const INITIAL_SILENCE_MS = 30_000;

const REWATCH: NextStep = { ...RELIST, action: 'rewatch', pause: false };
const START_AGAIN: NextStep = { ...RELIST, from: 'latest', pause: false };

const versionOf = (event: ObjectEvent): string =>
  event.type === 'BOOKMARK' ? event.resourceVersion : (event.object.metadata.resourceVersion ?? '');

/** See the top of this file. */
export class Reflector<T extends KubeObject = KubeObject> {
  readonly counters: ReflectorCounters = {
    relists: 0,
    watches: 0,
    events: 0,
    handlerErrors: 0,
    breaks: 0,
    repaired: 0,
  };
  readonly #options: ReflectorOptions<T>;
  readonly #store: ObjectStore<T>;
  readonly #feed: ChangeFeed<T>;
  readonly #horizon = new VersionHorizon();
  readonly #verifier: Verifier<T> | null;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #synced = Promise.withResolvers<void>();
  /** Aborts when the current list and its watches must be given up for a new list. */
  #round = new AbortController();
  #running: Promise<unknown> | null = null;
  #hasSynced: boolean = false;
  #degraded: boolean = false;
  #listing: 'stream' | 'pages' | 'pagesOnce';
  #failures = 0;
  #failedAt = '';
  #generation = 0;
  #incarnation = 0;
  #freshAt: MonoMs | null = null;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#store = new ObjectStore<T>(options);
    this.#feed = new ChangeFeed<T>((error, key) => {
      this.counters.handlerErrors += 1;
      this.#note({ kind: 'handlerError', error, key });
    });
    this.#backoff = new Backoff(REFLECTOR_BACKOFF, options.clock, options.random);
    this.#listing = options.watchList === false ? 'pages' : 'stream';
    this.#verifier = this.#createVerifier();
    // A failed start is told through `start`; nobody else needs to listen.
    this.#synced.promise.catch(() => undefined);
  }

  /** The objects as last heard. */
  get cache(): ObjectCache<T> {
    return this.#store;
  }

  /** True once the first list is in the store and every handler heard of it. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** How often versions went back. Disruptive actions wait until every reflector has the new one listed. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** When the server last said anything, bookmarks included; null: never. The cache may be older. */
  get freshAtMono(): MonoMs | null {
    return this.#freshAt;
  }

  /** Versions dropped because they are older than, or equal to, what is here. */
  get dropped(): Readonly<StoreCounters> {
    return this.#store.counters;
  }

  /** Comparisons with a fresh list so far. */
  get verifications(): number {
    return this.#verifier?.runs ?? 0;
  }

  /**
   * Adds a handler. It is called synchronously, in order; objects that are here already come first, as
   * `added` and `initial`.
   *
   * @returns removes it again
   */
  onChange(handler: ChangeHandler<T>): () => void {
    const present = this.#store.list().map((object) => {
      const key = objectKey(object.metadata);
      return { type: 'added', key, object, initial: true } as const;
    });
    return this.#feed.add(handler, present);
  }

  /**
   * Starts; resolves when the first list is in. May be called once.
   *
   * @throws HomeostatError `HOMEO_KUBE_ALREADY_STARTED`; `HOMEO_KUBE_SYNC_TIMEOUT` when the first list did
   *   not arrive in time (the reflector is stopped then); `HOMEO_KUBE_STOPPED`
   */
  async start(): Promise<void> {
    if (this.#running !== null) throw new HomeostatError('HOMEO_KUBE_ALREADY_STARTED');
    if (this.#stop.signal.aborted) throw new HomeostatError('HOMEO_KUBE_STOPPED');
    const { clock, type, syncTimeoutMs = DEFAULT_SYNC_TIMEOUT_MS } = this.#options;
    this.#running = Promise.all([this.#run(), this.#verifier?.run()]);
    const inTime = new AbortController();
    void clock.sleep(syncTimeoutMs, inTime.signal).then(() => {
      const details = { resource: type.resource };
      this.#synced.reject(new HomeostatError('HOMEO_KUBE_SYNC_TIMEOUT', { details }));
    });
    try {
      await this.#synced.promise;
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      inTime.abort();
    }
  }

  /** Stops; resolves when no request runs and nothing will be emitted. May be called often. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#synced.reject(new HomeostatError('HOMEO_KUBE_STOPPED'));
    await this.#running;
  }

  /** Fetches everything again, trusting no version seen so far; for a restore of etcd noticed elsewhere. */
  relist(): void {
    this.#horizon.forget();
    this.#store.forgetVersions();
    this.#round.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let from: NextStep['from'] = 'latest';
    while (!signal.aborted) {
      const next = await this.#listAndWatch(from);
      from = next.from;
      if (next.pause && !signal.aborted) await this.#backoff.wait(signal, next.minimumMs);
    }
  }

  /** Lists, then watches until a relist is due; returns how to go about it. */
  async #listAndWatch(from: NextStep['from']): Promise<NextStep> {
    this.#round = new AbortController();
    this.counters.relists += 1;
    let next: NextStep;
    if (this.#listing === 'stream') {
      next = await this.#streamList(from);
    } else {
      if (this.#listing === 'pagesOnce') this.#listing = 'stream';
      next = await this.#pageList();
    }
    const signal = this.#roundSignal();
    while (next.action === 'rewatch' && !signal.aborted) {
      if (next.pause) await this.#backoff.wait(signal, next.minimumMs);
      next = await this.#watch();
    }
    return signal.aborted ? START_AGAIN : next;
  }

  #roundSignal(): AbortSignal {
    return AbortSignal.any([this.#stop.signal, this.#round.signal]);
  }

  /** Lists in pages. */
  async #pageList(): Promise<NextStep> {
    const { transport } = this.#options;
    const items = new Map<string, T>();
    try {
      const version = await listPages(transport, this.#options, {
        signal: this.#roundSignal(),
        onPage: (page) => {
          for (const item of page) this.#collect(items, item);
        },
        restarted: () => items.clear(),
      });
      const applied = await this.#replace({ items, version }, true);
      return applied ? REWATCH : { ...RELIST, from: 'latest' };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { ...this.#after({ kind: 'refused', error }), action: 'relist', pause: true };
    }
  }

  /** Streams the list, then stays on the same stream as a watch. */
  async #streamList(from: NextStep['from']): Promise<NextStep> {
    const list = new StreamedList<T>((object) => this.#store.prepare(object));
    const slow = this.#warnWhenSlow(list);
    const end = await this.#open(
      {
        sendInitialEvents: 'true',
        resourceVersionMatch: 'NotOlderThan',
        resourceVersion: from === 'known' ? this.#horizon.highest : '',
      },
      {
        silenceLimitMs: () => (list.complete ? null : INITIAL_SILENCE_MS),
        onEvent: async (event) => {
          if (list.complete) {
            this.#apply(event);
          } else if (list.take(event)) {
            const applied = await this.#replace(list.snapshot, from === 'latest');
            if (!applied) this.#round.abort();
          }
        },
      },
    );
    slow.abort();
    if (end.kind === 'stopped') return START_AGAIN;
    if (list.complete) return this.#after(end);
    return this.#afterCutList(end, from);
  }

  /** Decides what follows a streamed list that did not come to its end. */
  #afterCutList(end: Exclude<ListEnd, { kind: 'stopped' }>, from: NextStep['from']): NextStep {
    if (cannotStreamLists(end)) {
      this.#listing = 'pages';
      this.#note({ kind: 'fallback' });
      return { ...RELIST, pause: false };
    }
    if (end.kind === 'idle' || end.kind === 'broken') this.#listing = 'pagesOnce';
    const next = this.#after(end);
    // A refusal of the version that we named would only repeat itself.
    const distrusted = from === 'known' && next.action === 'relist';
    return {
      ...next,
      action: 'relist',
      pause: true,
      from: distrusted ? 'latest' : next.from,
    };
  }

  #warnWhenSlow(list: StreamedList<T>): AbortController {
    const done = new AbortController();
    void this.#options.clock.sleep(SLOW_LIST_MS, done.signal).then(() => {
      if (!(list.complete || done.signal.aborted || this.#stop.signal.aborted)) {
        this.#note({ kind: 'slowWatchList' });
      }
    });
    return done;
  }

  async #watch(): Promise<NextStep> {
    const end = await this.#open(
      { resourceVersion: this.#horizon.resume },
      { silenceLimitMs: () => null, onEvent: (event) => this.#apply(event) },
    );
    return end.kind === 'stopped' ? START_AGAIN : this.#after(end);
  }

  async #open(
    parameters: Readonly<Record<string, string>>,
    reading: Pick<SessionOptions, 'silenceLimitMs' | 'onEvent'>,
  ): Promise<ListEnd> {
    const { transport, clock, random, type, namespace, labelSelector, fieldSelector } =
      this.#options;
    const signal = this.#roundSignal();
    if (signal.aborted) return { kind: 'stopped' };
    const timeoutSeconds = Math.floor(MIN_WATCH_SECONDS * (1 + random()));
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(timeoutSeconds),
      labelSelector,
      fieldSelector,
      ...parameters,
    };
    try {
      const path = collectionPath(type, namespace);
      const stream = await transport.watch({ path, query, signal });
      this.counters.watches += 1;
      this.#heard();
      return await readSession(stream, {
        clock,
        signal,
        hardLimitMs: timeoutSeconds * 1000 + HARD_LIMIT_SLACK_MS,
        silenceLimitMs: reading.silenceLimitMs,
        onEvent: (event) => {
          this.#heard();
          return reading.onEvent(event);
        },
      });
    } catch (error) {
      if (signal.aborted) return { kind: 'stopped' };
      if (!(error instanceof ApiError)) throw error;
      return { kind: 'refused', error };
    }
  }

  /** Decides what follows the end of a stream, counting failures at the same version. */
  #after(end: Exclude<ListEnd, { kind: 'stopped' }>): NextStep {
    if (end.kind === 'broken') this.counters.breaks += 1;
    const failed = end.kind !== 'closed' && end.kind !== 'idle';
    if (!failed || this.#failedAt !== this.#horizon.resume) this.#failures = 0;
    this.#failedAt = this.#horizon.resume;
    if (failed) this.#failures += 1;
    const next = nextStep(end, this.#failures);
    if (next.degraded && !this.#degraded) {
      this.#degraded = true;
      this.#note({ kind: 'degraded', error: 'error' in end ? end.error : null });
    }
    return next;
  }

  #collect(items: Map<string, T>, item: KubeObject): void {
    items.set(objectKey(item.metadata), this.#store.prepare(item));
  }

  /** Takes one event of a running watch. */
  #apply(event: ObjectEvent): void {
    this.counters.events += 1;
    this.#recover();
    // The server sends events in order; an older one means that something is wrong in between.
    if (!this.#horizon.advance(versionOf(event))) this.#verifier?.hurry();
    if (event.type === 'BOOKMARK') return;
    const { object } = event;
    this.#emit(event.type === 'DELETED' ? this.#store.remove(object) : this.#store.put(object));
  }

  /**
   * Makes the store equal to a list. Returns false, leaving the store alone, when the list is older than
   * what was seen and a second look is needed.
   *
   * @param quorum whether the list was read from a majority of etcd
   */
  async #replace(list: Snapshot<T>, quorum: boolean): Promise<boolean> {
    const { items, version } = list;
    if (quorum && !this.#accepts(version)) return false;
    this.#generation += 1;
    const signal = this.#roundSignal();
    const initial = !this.#hasSynced;
    let handled = 0;
    for (const item of items.values()) {
      this.#emit(this.#store.put(item, initial));
      handled += 1;
      if (handled % PAGE_SIZE === 0) await yieldTurn();
      if (signal.aborted) return true;
    }
    for (const key of this.#store.keys()) {
      if (!items.has(key)) this.#emit(this.#store.vanish(key, version));
    }
    this.#store.forgetDeletions(version);
    this.#horizon.startFrom(version);
    this.#heard();
    this.#recover();
    this.#hasSynced = true;
    this.#synced.resolve();
    return true;
  }

  /** Judges the version of a quorum read. */
  #accepts(version: string): boolean {
    const age = this.#horizon.judge(version);
    if (age === 'regressed') {
      this.#incarnation += 1;
      this.#store.forgetVersions();
      this.#note({ kind: 'regression', incarnation: this.#incarnation });
    }
    return age !== 'doubtful';
  }

  #createVerifier(): Verifier<T> | null {
    const { transport, clock, random, verifyEveryMs = DEFAULT_VERIFY_MS } = this.#options;
    if (verifyEveryMs === null) return null;
    return new Verifier<T>({
      query: this.#options,
      transport,
      clock,
      random,
      store: this.#store,
      everyMs: verifyEveryMs,
      signal: this.#stop.signal,
      ready: () => this.#hasSynced,
      generation: () => this.#generation,
      accepts: (version) => {
        const incarnation = this.#incarnation;
        if (this.#accepts(version) && incarnation === this.#incarnation) return true;
        this.#round.abort();
        return false;
      },
      repaired: (changes) => {
        const objects = new Set(changes.map((change) => change.key)).size;
        this.counters.repaired += objects;
        this.#note({ kind: 'repaired', objects });
        this.#emit(changes);
      },
    });
  }

  #emit(changes: readonly StoreChange<T>[]): void {
    if (!this.#stop.signal.aborted) this.#feed.emit(changes);
  }

  #heard(): void {
    this.#freshAt = this.#options.clock.monoMs();
  }

  #recover(): void {
    if (!this.#degraded) return;
    this.#degraded = false;
    this.#note({ kind: 'recovered' });
  }

  #note(note: ReflectorNote): void {
    try {
      this.#options.onNote?.(note);
    } catch {
      // A listener that fails must not stop the reflector.
      this.counters.handlerErrors += 1;
    }
  }
}
