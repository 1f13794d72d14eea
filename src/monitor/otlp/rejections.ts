// SPDX-License-Identifier: Apache-2.0

/** Why items are rejected; the sentence goes to the sender in `partial_success`. */
export const REJECTIONS = {
  timeZero: 'the time must not be 0',
  future: 'the time must not lie in the future',
  ancient: 'the time must not be older than the receiver takes',
  noValue: 'a point must have a value or the flag NO_RECORDED_VALUE',
  temporality: '`aggregation_temporality` must be delta or cumulative',
  bucketShape: 'a histogram must have one more bucket count than bounds, or none of both',
  badValue: 'the value must be finite and not negative',
  badUnit: 'the `unit` must be one of memory, such as By or MiBy',
  badTraceId: '`trace_id` must have 16 bytes and not be all zero',
  badSpanId: '`span_id` must have 8 bytes and not be all zero',
  badParentId: '`parent_span_id` must have 8 bytes or none',
} as const;

/** One of {@link REJECTIONS}. */
export type Rejection = keyof typeof REJECTIONS;

/** Counts the rejected items of one batch. */
export class RejectionTally {
  readonly #counts = new Map<Rejection, number>();
  total = 0;

  /** Counts one item. */
  add(reason: Rejection): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    this.total += 1;
  }

  /** Each reason with its count. */
  entries(): Iterable<[Rejection, number]> {
    return this.#counts;
  }

  /** One English sentence, empty when nothing was rejected. */
  message(): string {
    return [...this.#counts]
      .map(([reason, n]) => `${n} rejected: ${REJECTIONS[reason]}`)
      .join('; ');
  }
}
