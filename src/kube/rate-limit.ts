// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs } from '../domain/clock.ts';

/** Who asks: `critical` is for the lease and for action records, which must not starve. */
export type Priority = 'normal' | 'critical';

/** A budget of requests. */
export interface RateLimits {
  /** Requests per second over all classes. */
  readonly qps: number;
  /** Requests that may leave at once after a quiet time, over all classes. */
  readonly burst: number;
  /** Requests per second of `qps` that only `critical` may use. */
  readonly reservedQps: number;
}

/** 20 a second in bursts of 40, of which 5 a second are kept for lease and action records. */
export const DEFAULT_RATE_LIMITS: RateLimits = { qps: 20, burst: 40, reservedQps: 5 };

/** A token bucket that may go into debt: who takes a token in debt waits until it is paid back. */
class Bucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: MonoMs;

  constructor(qps: number, burst: number, now: MonoMs) {
    this.#perMs = qps / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  #refill(now: MonoMs): void {
    const grown = this.#tokens + Math.max(0, now - this.#at) * this.#perMs;
    this.#tokens = Math.min(this.#burst, grown);
    this.#at = now;
  }

  /** Milliseconds that the next taker must wait. */
  waitMs(now: MonoMs): number {
    this.#refill(now);
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.#perMs;
  }

  take(): void {
    this.#tokens -= 1;
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }
}

/** Spreads requests over time; first come, first served inside a class. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #shared: Bucket;
  readonly #reserved: Bucket;

  /** @param limits `qps` must exceed `reservedQps`, both positive */
  constructor(clock: Clock, limits: RateLimits = DEFAULT_RATE_LIMITS) {
    const share = limits.reservedQps / limits.qps;
    const now = clock.monoMs();
    this.#clock = clock;
    this.#shared = new Bucket(limits.qps - limits.reservedQps, limits.burst * (1 - share), now);
    this.#reserved = new Bucket(limits.reservedQps, Math.max(1, limits.burst * share), now);
  }

  /** Waits for a token. A caller whose signal aborts gives its token back; check the signal afterwards. */
  async take(priority: Priority, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monoMs();
    const bucket = this.#bucketFor(priority, now);
    const waitMs = bucket.waitMs(now);
    bucket.take();
    if (waitMs === 0) return;
    await this.#clock.sleep(waitMs, signal);
    if (signal.aborted) bucket.giveBack();
  }

  #bucketFor(priority: Priority, now: MonoMs): Bucket {
    if (priority === 'normal') return this.#shared;
    return this.#reserved.waitMs(now) <= this.#shared.waitMs(now) ? this.#reserved : this.#shared;
  }
}
