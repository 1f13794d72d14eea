// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../domain/clock.ts';

/** A sample with who sent it. */
interface Utterance {
  readonly timeMs: UnixMs;
  readonly value: number;
  readonly sender?: string | undefined;
}

/** The newest accepted sample, and the distance of samples; NaN where there are none. */
interface Last {
  readonly timeMs: UnixMs;
  readonly value: number;
  intervalMs(): number;
}

/** After so many of its intervals a sender has fallen silent. */
const SILENT_INTERVALS = 3;
/** The same while its interval is not known. */
const UNKNOWN_INTERVAL_SILENCE_MS = 60_000;
/** What two readings of one thing may differ by. Source: DESIGN 4.6, corroboration. */
const TOLERANCE = 0.2;

/**
 * Decides which sender speaks for one gauge of one container. The first one does until it falls
 * silent. Senders cannot prove who they are, so when another one contradicts it and it goes on, the
 * gauge is contested: then neither is believed.
 */
export class Speaker {
  #sender: string | undefined;
  #contradictedMs: UnixMs | null = null;
  #contestedMs: UnixMs | null = null;

  /** When both sides of a contradiction were last heard; `null`: never. */
  get contestedMs(): UnixMs | null {
    return this.#contestedMs;
  }

  /** True when the sample may be taken; false: another sender speaks. */
  admits(sample: Utterance, last: Last): boolean {
    const { sender, timeMs, value } = sample;
    if (sender === undefined || this.#sender === undefined || sender === this.#sender) return true;
    const interval = last.intervalMs();
    const patience = Number.isFinite(interval)
      ? SILENT_INTERVALS * interval
      : UNKNOWN_INTERVAL_SILENCE_MS;
    const distance = timeMs - last.timeMs;
    if (distance > patience) return true;
    // What is said of a time long past, as by a late retry, contradicts nothing of now.
    if (distance < -patience) return false;
    if (Math.abs(value - last.value) > TOLERANCE * Math.max(value, last.value)) {
      this.#contradictedMs = timeMs;
    }
    return false;
  }

  /** Notes that a sample was taken. A sender that takes over from a silent one contests nothing. */
  spoke(timeMs: UnixMs, sender: string | undefined): void {
    if (sender === undefined) return;
    if (this.#contradictedMs !== null && sender === this.#sender) {
      this.#contestedMs = Math.max(timeMs, this.#contradictedMs, this.#contestedMs ?? timeMs);
    }
    this.#contradictedMs = null;
    this.#sender = sender;
  }

  /** Forgets everything: another life begins. */
  forget(): void {
    this.#sender = undefined;
    this.#contradictedMs = null;
    this.#contestedMs = null;
  }
}
