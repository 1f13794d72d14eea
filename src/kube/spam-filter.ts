// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs } from '../domain/clock.ts';

/** Events about one object that may be written at once, and the time in which one more becomes allowed. */
const BURST = 25;
const REFILL_MS = 300_000;
const MAX_OBJECTS = 4_096;

/** Limits how many Events are written about one object (client-go tools/record/events_cache.go). */
export class SpamFilter {
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #buckets = new Map<string, { tokens: number; at: MonoMs }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Says whether one more may be written about `key`, and counts it. */
  allows(key: string): boolean {
    const now = this.#clock.monoMs();
    const bucket = this.#buckets.get(key) ?? { tokens: BURST, at: now };
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / REFILL_MS);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > MAX_OBJECTS) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
