// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs, UnixMs } from '../../src/domain/clock.ts';

interface Sleeper {
  readonly at: MonoMs;
  readonly order: number;
  readonly wake: () => void;
}

/** Turns of the event loop that running code gets before time moves on: enough for chains of promises. */
const TURNS = 6;

/** Lets everything run that can run without time passing. */
export async function settle(turns: number = TURNS): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A clock that moves only when a test says so; sleepers wake in the order of their times. */
export class VirtualClock implements Clock {
  #now: MonoMs = 0;
  #order = 0;
  readonly #wallStart: UnixMs;
  #wallShift = 0;
  #sleepers: Sleeper[] = [];

  constructor(wallStart: UnixMs = Date.UTC(2026, 0, 1)) {
    this.#wallStart = wallStart;
  }

  wallMs(): UnixMs {
    return this.#wallStart + this.#wallShift + this.#now;
  }

  monoMs(): MonoMs {
    return this.#now;
  }

  /** Sleepers at present, for tests that look for leaks. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', wake);
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
        resolve();
      };
      this.#order += 1;
      const sleeper: Sleeper = { at: this.#now + Math.max(0, ms), order: this.#order, wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** Moves the wall clock alone, as an administrator or NTP does. */
  jumpWall(ms: number): void {
    this.#wallShift += ms;
  }

  /** Lets so many milliseconds pass, waking sleepers one after the other with their work in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /**
   * Lets time pass until a condition holds.
   *
   * @throws Error when it does not hold within `limitMs` of this clock
   */
  async until(condition: () => boolean, limitMs = 3_600_000): Promise<void> {
    const end = this.#now + limitMs;
    await settle();
    while (!condition()) {
      const next = this.#next();
      if (next === undefined || next.at > end) {
        throw new Error(`the condition does not hold after ${limitMs} ms, at ${this.#now} ms`);
      }
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await settle();
    }
  }

  /** Stops the process and lets it go on later: time passes, nobody wakes meanwhile (SIGSTOP, SIGCONT). */
  freeze(ms: number): void {
    this.#now += ms;
  }

  #next(): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const each of this.#sleepers) {
      const earlier = first === undefined || each.at < first.at;
      if (earlier || (each.at === first?.at && each.order < first.order)) first = each;
    }
    return first;
  }
}
