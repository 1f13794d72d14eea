// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs, UnixMs } from '../../src/domain/clock.ts';

/** The clock of one machine: its wall clock may be set, its monotonic one is everybody's. */
export class MachineClock implements Clock {
  readonly #truth: Clock;
  #offsetMs = 0;

  constructor(truth: Clock) {
    this.#truth = truth;
  }

  /** Sets the wall clock of this machine forward or back. */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  wallMs(): UnixMs {
    return this.#truth.wallMs() + this.#offsetMs;
  }

  monoMs(): MonoMs {
    return this.#truth.monoMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#truth.sleep(ms, signal);
  }
}

interface Sleeper {
  readonly atMs: MonoMs;
  readonly order: number;
  readonly wake: () => void;
}

/** Lets everything that is ready run: promise callbacks end before the next turn of the event loop. */
const drain = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * A clock that stands still until it is advanced. Sleepers wake in the order of their times, one after
 * another, and whatever each of them sets in motion has run before the next one wakes.
 */
export class VirtualClock implements Clock {
  #monoMs: MonoMs = 0;
  readonly #startMs: UnixMs;
  #order = 0;
  /** Sorted by time, then by order of falling asleep. */
  readonly #sleepers: Sleeper[] = [];

  /** @param startMs wall time at the beginning */
  constructor(startMs: UnixMs = Date.parse('2026-03-01T12:00:00Z')) {
    this.#startMs = startMs;
  }

  wallMs(): UnixMs {
    return this.#monoMs + this.#startMs;
  }

  monoMs(): MonoMs {
    return this.#monoMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        atMs: this.#monoMs + Math.max(0, ms),
        order: this.#order++,
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = (): void => {
        this.#remove(sleeper);
        resolve();
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#insert(sleeper);
    });
  }

  /** Lets `ms` pass; sleepers due meanwhile wake at their own times. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monoMs + ms;
    await drain();
    while ((this.#sleepers[0]?.atMs ?? Number.POSITIVE_INFINITY) <= untilMs) {
      await this.#wakeNext();
    }
    this.#monoMs = untilMs;
  }

  /**
   * Lets time pass until a condition holds, looked at after every sleeper.
   * @returns true when it holds, false when `limitMs` passed or nobody sleeps any more
   */
  async until(condition: () => boolean, limitMs: number): Promise<boolean> {
    const untilMs = this.#monoMs + limitMs;
    await drain();
    while (!condition()) {
      if ((this.#sleepers[0]?.atMs ?? Number.POSITIVE_INFINITY) > untilMs) return false;
      await this.#wakeNext();
    }
    return true;
  }

  async #wakeNext(): Promise<void> {
    const next = this.#sleepers.shift();
    if (next === undefined) return;
    this.#monoMs = Math.max(this.#monoMs, next.atMs);
    next.wake();
    await drain();
  }

  #insert(sleeper: Sleeper): void {
    let index = this.#sleepers.length;
    while (index > 0 && (this.#sleepers[index - 1] as Sleeper).atMs > sleeper.atMs) index -= 1;
    this.#sleepers.splice(index, 0, sleeper);
  }

  #remove(sleeper: Sleeper): void {
    const index = this.#sleepers.indexOf(sleeper);
    if (index >= 0) this.#sleepers.splice(index, 1);
  }
}
