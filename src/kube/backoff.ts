// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs } from '../domain/clock.ts';

/** How a pause grows. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly factor: number;
  readonly capMs: number;
  /** Adds up to this share of the pause at random. */
  readonly jitter: number;
  /** A time without failures after which the next pause is the base again. */
  readonly resetAfterMs: number;
}

/** Constants of client-go's reflector (tools/cache/reflector.go): 30 to 60 s at the cap. */
export const REFLECTOR_BACKOFF: BackoffOptions = {
  baseMs: 800,
  factor: 2,
  capMs: 30_000,
  jitter: 1,
  resetAfterMs: 120_000,
};

/** Gives growing pauses between failures of one loop. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  #nextMs: number;
  #lastAt: MonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: BackoffOptions, clock: Clock, random: () => number) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#nextMs = options.baseMs;
  }

  /** Milliseconds to wait now; each call is one failure. */
  pauseMs(): number {
    const { baseMs, factor, capMs, jitter, resetAfterMs } = this.#options;
    const now = this.#clock.monoMs();
    if (now - this.#lastAt > resetAfterMs) this.#nextMs = baseMs;
    const pause = this.#nextMs * (1 + this.#random() * jitter);
    this.#nextMs = Math.min(capMs, this.#nextMs * factor);
    // The pause itself is no healthy time.
    this.#lastAt = now + pause;
    return pause;
  }

  /** Waits for the next pause, at least `minimumMs`; ends early when `signal` aborts. */
  async wait(signal: AbortSignal, minimumMs = 0): Promise<void> {
    await this.#clock.sleep(Math.max(this.pauseMs(), minimumMs), signal);
  }
}
