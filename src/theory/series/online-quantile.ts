// SPDX-License-Identifier: Apache-2.0

/**
 * Follows a quantile of positive scores with one number of state. Each score above the estimate
 * raises its logarithm by `rate * level`, each other lowers it by `rate * (1 - level)`; so in the
 * long run a share `level` of the scores lies below, also when their law drifts.
 *
 * Source: Gibbs and Candès, "Adaptive conformal inference under distribution shift" (2021), applied
 * to the logarithm of the score.
 */
export class OnlineQuantile {
  readonly #level: number;
  readonly #rate: number;
  readonly #bounds: readonly [low: number, high: number];
  #value: number;

  /**
   * @param level in (0, 1)
   * @param start the estimate before any score, positive
   * @param bounds the estimate never leaves them, so hostile scores cannot make it useless
   */
  constructor(
    level: number,
    start: number,
    bounds: readonly [low: number, high: number],
    rate = 0.08,
  ) {
    this.#level = level;
    this.#rate = rate;
    this.#bounds = bounds;
    this.#value = start;
  }

  get value(): number {
    return this.#value;
  }

  /** Takes one score in; anything but a finite number or infinity is ignored. */
  add(score: number): void {
    if (Number.isNaN(score)) return;
    const move = score > this.#value ? this.#level : this.#level - 1;
    const [low, high] = this.#bounds;
    this.#value = Math.min(high, Math.max(low, this.#value * Math.exp(this.#rate * move)));
  }
}
