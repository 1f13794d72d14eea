// SPDX-License-Identifier: Apache-2.0

/** Analyses that must agree before evidence fires. */
export const CONFIRMATIONS = 3;
/** The counter stops here, so that a leak that ends is let go after as many analyses. */
const MOST = 4;

interface Count {
  /** End of the window of the last analysis that counted, in buckets since the epoch. */
  readonly windowEnd: number;
  readonly value: number;
}

/**
 * Counts confirmations per life of a container: +1 when the gate passes, -1 when not. An analysis of
 * the same or hardly newer data counts nothing, so asking twice confirms nothing.
 */
export class Confirmations {
  readonly #counts = new Map<string, Count>();

  /**
   * Counts one analysis and returns the counter, in 0..4.
   * @param windowEnd end of the analysed window in buckets since the epoch
   */
  count(life: string, passes: boolean, windowEnd: number): number {
    const before = this.#counts.get(life);
    if (before !== undefined && windowEnd - before.windowEnd < 2) return before.value;
    const value = Math.min(MOST, Math.max(0, (before?.value ?? 0) + (passes ? 1 : -1)));
    this.#counts.set(life, { windowEnd, value });
    return value;
  }

  /** Forgets lives that are gone, so that the state is bounded by the view. */
  keepOnly(lives: ReadonlySet<string>): void {
    for (const life of this.#counts.keys()) if (!lives.has(life)) this.#counts.delete(life);
  }
}
