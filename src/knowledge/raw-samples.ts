// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../domain/clock.ts';
import { quantile } from '../theory/series/quantile.ts';
import { SampleColumn } from './sample-column.ts';

/** The newest samples of a series, all of them kept. */
export const RECENT_SAMPLES = 512;

/** Older samples, thinned to at most one per `retainMs / THINNED_SAMPLES`. */
export const THINNED_SAMPLES = 576;

/** A gap longer than this many median intervals is not bridged. Source: DESIGN 4.5, *fresh*. */
const GAP_INTERVALS = 3;

/** What became, or would become, of a sample. */
export type SampleFate = 'accepted' | 'duplicate' | 'contradiction' | 'late';

/**
 * Samples of one series in time order, for reading a value at a given time and for counting.
 *
 * The newest {@link RECENT_SAMPLES} are all there. What leaves them is thinned to one sample per
 * cell of time (the first that arrives in it), and each kept one remembers the longest real distance
 * between neighbours since the one before, so that a hole in the sampling is never taken for a cell
 * that was merely thinned. A sample older than the recent part cannot be told from a duplicate any
 * more: it is late.
 */
export class RawSamples {
  readonly #recent = new SampleColumn(RECENT_SAMPLES, false);
  readonly #thinned = new SampleColumn(THINNED_SAMPLES, true);
  #retainMs: number;
  /** Time of the last sample that left the recent part, kept or not. */
  #leftMs = Number.NEGATIVE_INFINITY;
  /** Longest distance between neighbours since the newest thinned sample, up to `#leftMs`. */
  #pendingGapMs = 0;
  #intervalMs = Number.NaN;
  #isIntervalKnown: boolean = true;

  constructor(retainMs: number) {
    this.#retainMs = retainMs;
  }

  /** The most bytes that one series may hold. */
  static readonly maxBytes =
    SampleColumn.maxBytes(RECENT_SAMPLES, false) + SampleColumn.maxBytes(THINNED_SAMPLES, true);

  /** Sets how far back thinned samples reach. */
  retain(retainMs: number): void {
    this.#retainMs = retainMs;
  }

  get isEmpty(): boolean {
    return this.#recent.length === 0;
  }

  /** Time of the newest sample; NaN when there is none. */
  get newestMs(): UnixMs {
    return this.isEmpty ? Number.NaN : this.#recent.time(this.#recent.length - 1);
  }

  /** Value of the newest sample; NaN when there is none. */
  get newestValue(): number {
    return this.isEmpty ? Number.NaN : this.#recent.value(this.#recent.length - 1);
  }

  /** The time up to which the recent part is not complete; minus infinity when nothing left it. */
  get completeAfterMs(): UnixMs {
    return this.#leftMs;
  }

  /** Says what {@link add} would do with a sample, without doing it. */
  fateOf(timeMs: UnixMs, value: number): SampleFate {
    if (this.isEmpty || timeMs > this.newestMs) {
      return timeMs > this.#leftMs ? 'accepted' : 'late';
    }
    const index = this.#recent.lowerBound(timeMs);
    if (this.#recent.time(index) === timeMs) {
      return this.#recent.value(index) === value ? 'duplicate' : 'contradiction';
    }
    return timeMs > this.#leftMs ? 'accepted' : 'late';
  }

  /** Takes in a sample whose {@link fateOf} is `accepted`. */
  add(timeMs: UnixMs, value: number): void {
    if (this.#recent.isFull) {
      // A full recent part gives its oldest away first, which may be the new one itself.
      if (timeMs < this.#recent.time(0)) {
        this.#leave(timeMs, value, this.#recent.time(0));
        this.#isIntervalKnown = false;
        return;
      }
      this.#leave(this.#recent.time(0), this.#recent.value(0), timeMs);
      this.#recent.dropOldest(1);
    }
    this.#recent.insert(this.#recent.lowerBound(timeMs), timeMs, value);
    this.#isIntervalKnown = false;
  }

  /** Forgets the samples before a time. */
  dropBefore(timeMs: UnixMs): void {
    this.#thinned.dropOldest(this.#thinned.lowerBound(timeMs));
    this.#recent.dropOldest(this.#recent.lowerBound(timeMs));
    this.#isIntervalKnown = false;
  }

  /** Median distance between neighbours of the recent part in ms; NaN below three samples. */
  intervalMs(): number {
    if (!this.#isIntervalKnown) {
      this.#intervalMs = this.#medianInterval();
      this.#isIntervalKnown = true;
    }
    return this.#intervalMs;
  }

  /**
   * Returns the value at a time by linear interpolation between the neighbouring kept samples, or
   * `null` outside the samples, or where the real samples around that time have a gap of more than
   * three median intervals.
   */
  at(timeMs: UnixMs): number | null {
    const recent = this.#recent;
    const thinned = this.#thinned;
    if (recent.length === 0 || timeMs > this.newestMs) return null;
    if (timeMs >= recent.time(0)) {
      const after = recent.lowerBound(timeMs);
      if (recent.time(after) === timeMs) return recent.value(after);
      const gap = recent.time(after) - recent.time(after - 1);
      return this.#between(timeMs, this.#pair(recent, after - 1, recent, after), gap);
    }
    if (thinned.length === 0 || timeMs < thinned.time(0)) return null;
    const after = thinned.lowerBound(timeMs);
    if (after === thinned.length) {
      const gap = Math.max(this.#pendingGapMs, recent.time(0) - this.#leftMs);
      return this.#between(timeMs, this.#pair(thinned, after - 1, recent, 0), gap);
    }
    if (thinned.time(after) === timeMs) return thinned.value(after);
    const pair = this.#pair(thinned, after - 1, thinned, after);
    return this.#between(timeMs, pair, thinned.gap(after));
  }

  /** Calls `take` with every kept sample newer than a time, oldest first. */
  forEachAfter(timeMs: UnixMs, take: (timeMs: UnixMs, value: number) => void): void {
    for (const part of [this.#thinned, this.#recent]) {
      for (let index = part.lowerBound(timeMs); index < part.length; index++) {
        if (part.time(index) > timeMs) take(part.time(index), part.value(index));
      }
    }
  }

  /** Calls `take` with every sample of the recent part, oldest first. */
  forEachRecent(take: (timeMs: UnixMs, value: number) => void): void {
    for (let index = 0; index < this.#recent.length; index++) {
      take(this.#recent.time(index), this.#recent.value(index));
    }
  }

  /** Lets a sample leave the recent part; `nextMs` is a time known to come after it. */
  #leave(timeMs: UnixMs, value: number, nextMs: UnixMs): void {
    const gap = timeMs - this.#leftMs;
    if (Number.isFinite(gap)) this.#pendingGapMs = Math.max(this.#pendingGapMs, gap);
    this.#leftMs = timeMs;
    const thinned = this.#thinned;
    const oldest = thinned.lowerBound(nextMs - this.#retainMs);
    if (oldest > 0) thinned.dropOldest(oldest);
    const cellMs = this.#retainMs / THINNED_SAMPLES;
    const last = thinned.length - 1;
    const isNewCell =
      last < 0 || Math.floor(timeMs / cellMs) > Math.floor(thinned.time(last) / cellMs);
    if (!isNewCell) return;
    if (thinned.isFull) thinned.dropOldest(1);
    thinned.insert(thinned.length, timeMs, value, this.#pendingGapMs);
    this.#pendingGapMs = 0;
  }

  #medianInterval(): number {
    const { length } = this.#recent;
    if (length < 3) return Number.NaN;
    const distances = new Float64Array(length - 1);
    for (let index = 1; index < length; index++) {
      distances[index - 1] = this.#recent.time(index) - this.#recent.time(index - 1);
    }
    return quantile(distances, 0.5);
  }

  #pair(
    low: SampleColumn,
    lowIndex: number,
    high: SampleColumn,
    highIndex: number,
  ): readonly [number, number, number, number] {
    return [low.time(lowIndex), low.value(lowIndex), high.time(highIndex), high.value(highIndex)];
  }

  #between(
    timeMs: UnixMs,
    pair: readonly [number, number, number, number],
    gapMs: number,
  ): number | null {
    // Written so that an unknown interval (NaN) bridges nothing.
    if (!(gapMs <= GAP_INTERVALS * this.intervalMs())) return null;
    const [lowMs, low, highMs, high] = pair;
    return low + ((high - low) * (timeMs - lowMs)) / (highMs - lowMs);
  }
}
