// SPDX-License-Identifier: Apache-2.0
import type { ReceiverCounters } from './counters.ts';

/** The share of one request in a {@link Budget}. */
export interface Reservation {
  /** Takes more bytes. @returns false when the budget has not so many; nothing changes then */
  grow(bytes: number): boolean;
  /** Gives everything back; a second call does nothing. */
  release(): void;
}

/**
 * Bounds the bytes of bodies and the number of requests in flight, over both servers together. A
 * request has a reservation before its body has memory.
 */
export class Budget {
  readonly #maxBytes: number;
  readonly #maxRequests: number;
  readonly #counters: ReceiverCounters;

  constructor(maxBytes: number, maxRequests: number, counters: ReceiverCounters) {
    this.#maxBytes = maxBytes;
    this.#maxRequests = maxRequests;
    this.#counters = counters;
  }

  /**
   * Reserves room for one request, or gives `null` when there is none.
   * @param wanted what it will come to need; refused at once when that is not free now
   */
  reserve(bytes: number, wanted: number): Reservation | null {
    const counters = this.#counters;
    if (counters.inFlight >= this.#maxRequests) return null;
    if (counters.budgetBytes + Math.max(bytes, wanted) > this.#maxBytes) return null;
    counters.inFlight += 1;
    counters.budgetBytes += bytes;
    let held = bytes;
    let isReleased = false;
    return {
      grow: (more) => {
        if (isReleased || counters.budgetBytes + more > this.#maxBytes) return false;
        counters.budgetBytes += more;
        held += more;
        return true;
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        counters.inFlight -= 1;
        counters.budgetBytes -= held;
      },
    };
  }
}
