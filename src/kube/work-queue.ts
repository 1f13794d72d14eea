// SPDX-License-Identifier: Apache-2.0
//
// Work queue: which keys need a look, each at most once and never twice at a time.
//
//   add(k): if dirty has k, return; dirty += k; if k is not being processed, ready += k
//   get():  k = first ready; processing += k; dirty -= k
//   done(k): processing -= k; if dirty has k, ready += k
//
// Source: client-go util/workqueue (queue.go, default_rate_limiters.go); priorities from
// controller-runtime pkg/controller/priorityqueue.
import type { Clock } from '../domain/clock.ts';
import { DelayHeap } from './delay-heap.ts';

/** Priority of the first list and of resyncs: behind everything that happens now. */
export const LOW_PRIORITY = -100;

const BASE_BACKOFF_MS = 5;
const MAX_BACKOFF_MS = 1_000_000;

/** How to add a key. */
export interface AddOptions {
  /** Higher first, first come first served inside a priority. Default 0. Adding again keeps the highest. */
  readonly priority?: number | undefined;
  /** Milliseconds until the key may be taken. Default 0. Adding again keeps the earliest time. */
  readonly afterMs?: number | undefined;
}

/** One key to work on. */
export interface WorkItem {
  readonly key: string;
  readonly priority: number;
}

/** Milliseconds of backoff after so many failures in a row: 5 ms doubled each time, at most 1000 s. */
export const backoffMs = (failures: number): number =>
  Math.min(MAX_BACKOFF_MS, BASE_BACKOFF_MS * 2 ** Math.min(failures, 30));

/** Keys ready to be taken: first in, first out inside a priority. */
class ReadyKeys {
  readonly #levels = new Map<number, Set<string>>();
  readonly #priorities = new Map<string, number>();

  get size(): number {
    return this.#priorities.size;
  }

  has(key: string): boolean {
    return this.#priorities.has(key);
  }

  /** Adds a key, or moves it up when it is here with a lower priority. */
  add(key: string, priority: number): void {
    const known = this.#priorities.get(key);
    if (known !== undefined) {
      if (known >= priority) return;
      this.#remove(key, known);
    }
    this.#priorities.set(key, priority);
    const level = this.#levels.get(priority);
    if (level === undefined) this.#levels.set(priority, new Set([key]));
    else level.add(key);
  }

  take(): WorkItem | null {
    if (this.#levels.size === 0) return null;
    const priority = Math.max(...this.#levels.keys());
    const [key] = this.#levels.get(priority) ?? [];
    if (key === undefined) return null;
    this.#remove(key, priority);
    return { key, priority };
  }

  #remove(key: string, priority: number): void {
    const level = this.#levels.get(priority);
    level?.delete(key);
    if (level?.size === 0) this.#levels.delete(priority);
    this.#priorities.delete(key);
  }
}

/** See the top of this file. */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #ready = new ReadyKeys();
  readonly #waiting = new DelayHeap();
  /** Priority of keys that wait for their time or for their processing to end. */
  readonly #priorities = new Map<string, number>();
  readonly #processing = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((item: WorkItem | null) => void)[] = [];
  readonly #drainers: (() => void)[] = [];
  #timer = new AbortController();
  #timerAt = Number.POSITIVE_INFINITY;
  #down: boolean = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keys that could be taken now. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Keys that wait for their time. */
  get delayed(): number {
    return this.#waiting.size;
  }

  /** True after `shutdown` or `drain`. */
  get isShutDown(): boolean {
    return this.#down;
  }

  /** Adds a key; does nothing after a shutdown. */
  add(key: string, options: AddOptions = {}): void {
    if (this.#down) return;
    const { priority = 0, afterMs = 0 } = options;
    const highest = Math.max(priority, this.#priorities.get(key) ?? Number.NEGATIVE_INFINITY);
    if (afterMs > 0 && !this.#ready.has(key) && !this.#again.has(key)) {
      this.#priorities.set(key, highest);
      this.#waiting.add(key, this.#clock.monoMs() + afterMs);
      this.#startTimer();
      return;
    }
    this.#waiting.delete(key);
    this.#makeReady(key, highest);
  }

  /** Adds a key after its backoff, which doubles with each call until `forget`. */
  addRateLimited(key: string, options: Pick<AddOptions, 'priority'> = {}): void {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    this.add(key, { ...options, afterMs: backoffMs(failures) });
  }

  /** Ends the backoff of a key. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often a key was added with backoff since it was forgotten. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Takes the next key, waiting for one; null after a shutdown, once nothing is left to take. */
  get(): Promise<WorkItem | null> {
    const item = this.#take();
    if (item !== null) return Promise.resolve(item);
    if (this.#down) return Promise.resolve(null);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** Says that the work on a key ended; whoever took a key must call this, whatever happened. */
  done(key: string): void {
    if (!this.#processing.delete(key)) return;
    const priority = this.#priorities.get(key) ?? 0;
    if (this.#again.delete(key)) this.#makeReady(key, priority);
    this.#settle();
  }

  /** Refuses further keys; what is ready is still handed out, what waits for its time is dropped. */
  shutdown(): void {
    this.#down = true;
    this.#waiting.clear();
    this.#timer.abort();
    this.#settle();
  }

  /** Shuts down; resolves when nothing is ready and nothing is being processed. */
  drain(): Promise<void> {
    this.shutdown();
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#drainers.push(resolve));
  }

  get #isIdle(): boolean {
    return this.#ready.size === 0 && this.#processing.size === 0;
  }

  #makeReady(key: string, priority: number): void {
    if (this.#processing.has(key)) {
      this.#again.add(key);
      this.#priorities.set(key, priority);
      return;
    }
    this.#priorities.delete(key);
    this.#ready.add(key, priority);
    this.#handOut();
  }

  #take(): WorkItem | null {
    const item = this.#ready.take();
    if (item !== null) this.#processing.add(item.key);
    return item;
  }

  #handOut(): void {
    while (this.#takers.length > 0) {
      const item = this.#take();
      if (item === null) return;
      this.#takers.shift()?.(item);
    }
  }

  /** Lets go whoever waits for an end that has come. */
  #settle(): void {
    if (!this.#down) return;
    if (this.#ready.size === 0) {
      for (const taker of this.#takers.splice(0)) taker(null);
    }
    if (this.#isIdle) {
      for (const drained of this.#drainers.splice(0)) drained();
    }
  }

  #startTimer(): void {
    const at = this.#waiting.nextAt();
    if (at === null || at >= this.#timerAt) return;
    this.#timer.abort();
    this.#timer = new AbortController();
    this.#timerAt = at;
    const { signal } = this.#timer;
    void this.#clock.sleep(Math.max(0, at - this.#clock.monoMs()), signal).then(() => {
      if (!signal.aborted) this.#onTimer();
    });
  }

  #onTimer(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.monoMs();
    for (let key = this.#waiting.takeDue(now); key !== null; key = this.#waiting.takeDue(now)) {
      this.#makeReady(key, this.#priorities.get(key) ?? 0);
    }
    this.#startTimer();
  }
}
