// SPDX-License-Identifier: Apache-2.0
import type { Reservation } from './budget.ts';
import { isRefused, type ReceiverContext } from './receiver-context.ts';
import type { Refused } from './rpc-status.ts';

/** First step of a body; later steps double it. */
const FIRST_STEP_BYTES = 65_536;

/**
 * A body while it arrives. Memory and budget are taken in steps, as the bytes come: a length that is
 * only declared must not keep others out.
 */
export class BodyBuffer {
  readonly reservation: Reservation;
  readonly #context: ReceiverContext;
  /** Most bytes that may come: what was declared, or the limit. */
  readonly #most: number;
  #body: Uint8Array<ArrayBuffer>;
  #used = 0;

  private constructor(context: ReceiverContext, most: number, reservation: Reservation) {
    this.reservation = reservation;
    this.#context = context;
    this.#most = most;
    this.#body = new Uint8Array(Math.min(FIRST_STEP_BYTES, most));
  }

  /** Makes a buffer for a body of the declared length, or of any within the limit; or says why not. */
  static open(context: ReceiverContext, declared: number | undefined): BodyBuffer | Refused {
    const most = declared ?? context.limits.bodyBytes;
    const first = Math.min(FIRST_STEP_BYTES, most);
    const admitted = context.admit(first, declared ?? first);
    return isRefused(admitted) ? admitted : new BodyBuffer(context, most, admitted);
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#used;
  }

  /** Takes bytes in; returns why not when there is no room for them. */
  append(chunk: Uint8Array): Refused | null {
    const needed = this.#used + chunk.length;
    if (needed > this.#most) return this.#context.tooLarge();
    if (needed > this.#body.length) {
      const size = Math.min(this.#most, Math.max(needed, this.#body.length * 2));
      if (!this.reservation.grow(size - this.#body.length)) return this.#context.overBudget();
      const grown = new Uint8Array(size);
      grown.set(this.#body.subarray(0, this.#used));
      this.#body = grown;
    }
    this.#body.set(chunk, this.#used);
    this.#used = needed;
    return null;
  }

  /** Gives the bytes that have come in a buffer of their own; to be called once, at the end. */
  take(): ArrayBuffer {
    const { buffer } = this.#body;
    return this.#used === buffer.byteLength ? buffer : buffer.transfer(this.#used);
  }
}
