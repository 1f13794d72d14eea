// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../domain/clock.ts';
import { quantile } from '../theory/series/quantile.ts';
import type { WindowSpec } from './bucket-frame.ts';
import { GaugeRing } from './bucket-ring.ts';
import { RawSamples, type SampleFate } from './raw-samples.ts';
import { Speaker } from './speaker.ts';
import type { GaugeView } from './view.ts';

/** Window lengths by resolution in ms: what the bound detectors want of one container. */
export type WindowSpecs = ReadonlyMap<number, number>;

/** How far back the longest of the windows reaches, in ms. */
export const retentionMs = (specs: WindowSpecs): number => {
  let longest = 0;
  for (const [resolutionMs, windowBuckets] of specs) {
    longest = Math.max(longest, resolutionMs * windowBuckets);
  }
  return longest;
};

/** One gauge of one container: raw samples, and a ring of buckets for each resolution. */
export class GaugeSeries {
  readonly #raw: RawSamples;
  readonly #speaker = new Speaker();
  readonly #rings = new Map<number, GaugeRing>();

  constructor(specs: WindowSpecs) {
    this.#raw = new RawSamples(retentionMs(specs));
    this.adopt(specs);
  }

  /** Returns the most bytes that a series with these windows may hold. */
  static maxBytes(specs: WindowSpecs): number {
    let bytes = RawSamples.maxBytes;
    for (const windowBuckets of specs.values()) bytes += GaugeRing.maxBytes(windowBuckets);
    return bytes;
  }

  /** Keeps the windows that stay the same, drops the others, and fills new ones from raw samples. */
  adopt(specs: WindowSpecs): void {
    this.#raw.retain(retentionMs(specs));
    for (const [resolutionMs, ring] of this.#rings) {
      if (specs.get(resolutionMs) !== ring.windowBuckets) this.#rings.delete(resolutionMs);
    }
    for (const [resolutionMs, windowBuckets] of specs) {
      if (this.#rings.has(resolutionMs)) continue;
      const spec: WindowSpec = { resolutionMs, windowBuckets };
      const ring = new GaugeRing(spec);
      this.#rings.set(resolutionMs, ring);
      this.#refill(ring, resolutionMs);
    }
  }

  /**
   * Takes a sample in, everywhere or nowhere: an out-of-order one must still fit into the raw samples
   * and into a bucket that is open at every resolution. Samples of two senders are never mixed.
   */
  add(timeMs: UnixMs, value: number, sender?: string): SampleFate | 'rival' {
    const last = {
      timeMs: this.#raw.newestMs,
      value: this.#raw.newestValue,
      intervalMs: () => this.#raw.intervalMs(),
    };
    if (!this.#speaker.admits({ timeMs, value, sender }, last)) return 'rival';
    const fate = this.#raw.fateOf(timeMs, value);
    if (fate !== 'accepted') return fate;
    for (const ring of this.#rings.values()) if (!ring.admits(timeMs)) return 'late';
    this.#raw.add(timeMs, value);
    for (const ring of this.#rings.values()) ring.add(timeMs, value);
    this.#speaker.spoke(timeMs, sender);
    return 'accepted';
  }

  /** Forgets what came before a time: the container's new life starts there. */
  beginLife(startMs: UnixMs): void {
    this.#speaker.forget();
    this.#raw.dropBefore(startMs);
    for (const [resolutionMs, ring] of this.#rings) {
      ring.clear();
      this.#refill(ring, resolutionMs);
    }
  }

  /** Returns what a detector may see, or `null` when there is no sample. */
  view(spec: WindowSpec): GaugeView | null {
    const buckets = this.#rings.get(spec.resolutionMs)?.series(spec.windowBuckets) ?? null;
    if (buckets === null) return null;
    let samples = 0;
    for (const count of buckets.count) samples += count;
    return {
      buckets,
      newestSampleMs: this.#raw.newestMs,
      newestValue: this.#raw.newestValue,
      sampleIntervalMs: this.#raw.intervalMs(),
      samples,
      ...(this.#speaker.contestedMs !== null && { contestedMs: this.#speaker.contestedMs }),
    };
  }

  /** Returns the value at a time, as `RawSamples.at` says. */
  at(timeMs: UnixMs): number | null {
    return this.#raw.at(timeMs);
  }

  /** Sums up the kept samples newer than a time; `null` when there is none. */
  since(sinceMs: UnixMs): {
    readonly count: number;
    readonly newestMs: UnixMs;
    readonly newestValue: number;
    readonly floorBytes: number;
  } | null {
    const values: number[] = [];
    this.#raw.forEachAfter(sinceMs, (_, value) => values.push(value));
    if (values.length === 0) return null;
    return {
      count: values.length,
      newestMs: this.#raw.newestMs,
      newestValue: this.#raw.newestValue,
      floorBytes: quantile(Float64Array.from(values), 0.3),
    };
  }

  /** Fills an empty ring from the raw samples, but never a bucket of which only a part is left. */
  #refill(ring: GaugeRing, resolutionMs: number): void {
    const from = (Math.floor(this.#raw.completeAfterMs / resolutionMs) + 1) * resolutionMs;
    this.#raw.forEachRecent((timeMs, value) => {
      if (timeMs >= from) ring.add(timeMs, value);
    });
  }
}
