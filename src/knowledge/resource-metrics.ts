// SPDX-License-Identifier: Apache-2.0
/**
 * The independent witness: what metrics.k8s.io said of each container, kept as a series so that a
 * forged history that ends at the true value is still found out.
 */
import type { UnixMs } from '../domain/clock.ts';
import { containerKey } from '../domain/entity.ts';

/** One reading of one container's memory. */
export interface ResourceSample {
  readonly timeMs: UnixMs;
  readonly bytes: number;
}

/** Readings of one poll, with the pod's identity as the API server has it. */
export interface ResourceReading extends ResourceSample {
  readonly podUid: string;
  readonly container: string;
}

/** Reads the series of one container. */
export interface ResourceMetrics {
  /** Samples with fromMs <= time <= toMs, oldest first. */
  series(
    podUid: string,
    container: string,
    range: { fromMs: UnixMs; toMs: UnixMs },
  ): readonly ResourceSample[];
}

/** Samples kept per container. At 10 s a sample this is two hours; beyond it old ones are thinned. */
const CAPACITY = 720;

/**
 * Keeps the readings of every known container. When a series is full every second sample of its
 * older half goes, so it keeps reaching back to the container's start in bounded memory.
 */
export class ResourceMetricsStore implements ResourceMetrics {
  readonly #series = new Map<string, ResourceSample[]>();

  /** Takes one poll in; a reading that is not newer than the last is a repetition and is dropped. */
  add(readings: readonly ResourceReading[]): void {
    for (const { podUid, container, timeMs, bytes } of readings) {
      const key = containerKey(podUid, container);
      const samples = this.#series.get(key) ?? [];
      const last = samples.at(-1);
      if (last !== undefined && timeMs <= last.timeMs) continue;
      samples.push({ timeMs, bytes });
      this.#series.set(key, samples.length > CAPACITY ? thinned(samples) : samples);
    }
  }

  /** Forgets every pod that is not in `podUids`. */
  retain(podUids: ReadonlySet<string>): void {
    for (const key of this.#series.keys()) {
      if (!podUids.has(key.slice(0, key.indexOf('/')))) this.#series.delete(key);
    }
  }

  series(
    podUid: string,
    container: string,
    range: { fromMs: UnixMs; toMs: UnixMs },
  ): readonly ResourceSample[] {
    const samples = this.#series.get(containerKey(podUid, container)) ?? [];
    return samples.filter(({ timeMs }) => timeMs >= range.fromMs && timeMs <= range.toMs);
  }
}

const thinned = (samples: readonly ResourceSample[]): ResourceSample[] => {
  const half = Math.floor(samples.length / 2);
  return [...samples.slice(0, half).filter((_, index) => index % 2 === 0), ...samples.slice(half)];
};
