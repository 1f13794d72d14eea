// SPDX-License-Identifier: Apache-2.0
import type { Leadership } from '../../src/domain/cluster.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Times of the lease in ms: 15 s, and 7/15 of it. */
const LEASE_MS = 15_000;
const WRITE_MS = 7_000;

/** One holder of the lease: renews as long as it is not stopped. */
export class ModelLeadership implements Leadership {
  readonly identity: string;
  readonly leaseName = 'homeostat';
  readonly #clock: VirtualClock;
  readonly #epoch: number;
  #stoppedAtMs: number | null = null;

  constructor(clock: VirtualClock, identity: string, epoch: number) {
    this.#clock = clock;
    this.identity = identity;
    this.#epoch = epoch;
  }

  /** What the holder believes: it does not hear of a takeover while it stands still. */
  epoch(): number {
    return this.#epoch;
  }

  mayWrite(): boolean {
    return this.#stoppedAtMs === null || this.#clock.monoMs() - this.#stoppedAtMs < WRITE_MS;
  }

  /** Renews no more. */
  stop(): void {
    this.#stoppedAtMs ??= this.#clock.monoMs();
  }

  /** How long until another may take the lease, in ms. */
  get expiresInMs(): number {
    if (this.#stoppedAtMs === null) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#stoppedAtMs + LEASE_MS - this.#clock.monoMs());
  }
}
