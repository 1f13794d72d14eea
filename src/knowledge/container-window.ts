// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../domain/clock.ts';
import type { ContainerFacts } from '../domain/entity.ts';
import type { GaugeQuantity } from '../domain/telemetry.ts';
import { RequestRing } from './bucket-ring.ts';
import { GaugeSeries, type WindowSpecs } from './gauge-series.ts';

/** The samples that one container may send: a token bucket, so that a flood costs only itself. */
export interface RateLimit {
  readonly samplesPerSecond: number;
  /** How many may come at once, as in a replay after an outage. */
  readonly burst: number;
}

/**
 * When the life of a container began, after which its samples count: its start; while it is not
 * running, the end of the life before; and never earlier than its pod.
 */
export const lifeStartMs = (facts: ContainerFacts): UnixMs =>
  Math.max(
    facts.podCreatedAtMs,
    facts.startedAtMs ?? facts.lastTermination?.finishedAtMs ?? facts.podCreatedAtMs,
  );

/** Everything kept of one container's life. */
export class ContainerWindow {
  #specs: WindowSpecs;
  readonly #gauges = new Map<GaugeQuantity, GaugeSeries>();
  readonly #requests = new Map<number, RequestRing>();
  /** Time of the newest increment; `null`: none yet. */
  #countedUntilMs: UnixMs | null = null;
  #tokens: number;
  #refilledAtMs: UnixMs;
  #floodedMs: UnixMs | null = null;

  constructor(specs: WindowSpecs, limit: RateLimit, nowMs: UnixMs) {
    this.#specs = specs;
    this.#tokens = limit.burst;
    this.#refilledAtMs = nowMs;
  }

  get specs(): WindowSpecs {
    return this.#specs;
  }

  /** When samples were last dropped because there were too many; `null`: never. */
  get floodedMs(): UnixMs | null {
    return this.#floodedMs;
  }

  /** Takes one token; false: the container has sent too many samples. */
  takeToken(limit: RateLimit, nowMs: UnixMs): boolean {
    const elapsedMs = nowMs - this.#refilledAtMs;
    if (elapsedMs !== 0) {
      // A clock that was set back must neither refill nor freeze the bucket.
      const refill = Math.max(0, elapsedMs) * (limit.samplesPerSecond / 1_000);
      this.#tokens = Math.min(limit.burst, this.#tokens + refill);
      this.#refilledAtMs = nowMs;
    }
    if (this.#tokens < 1) {
      this.#floodedMs = nowMs;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }

  /** Returns a gauge, or `undefined` when no sample of it was ever accepted. */
  gauge(quantity: GaugeQuantity): GaugeSeries | undefined {
    return this.#gauges.get(quantity);
  }

  /** Adds an empty gauge; the caller has reserved {@link GaugeSeries.maxBytes}. */
  addGauge(quantity: GaugeQuantity): GaugeSeries {
    const series = new GaugeSeries(this.#specs);
    this.#gauges.set(quantity, series);
    return series;
  }

  /** All gauges with at least one sample. */
  gauges(): ReadonlyMap<GaugeQuantity, GaugeSeries> {
    return this.#gauges;
  }

  get countsRequests(): boolean {
    return this.#requests.size > 0;
  }

  /** Adds the rings for requests; the caller has reserved {@link requestBytes}. */
  addRequests(): void {
    for (const [resolutionMs, windowBuckets] of this.#specs) {
      this.#requests.set(resolutionMs, new RequestRing({ resolutionMs, windowBuckets }));
    }
  }

  /** Adds requests to every resolution, or to none: false when they come too late. */
  addIncrement(timeMs: UnixMs, count: number): boolean {
    for (const ring of this.#requests.values()) if (!ring.admits(timeMs)) return false;
    for (const ring of this.#requests.values()) ring.add(timeMs, count, this.#countedUntilMs);
    this.#countedUntilMs = Math.max(this.#countedUntilMs ?? timeMs, timeMs);
    return true;
  }

  /** Returns the requests at a resolution, or `undefined` when none were ever reported. */
  requests(resolutionMs: number): RequestRing | undefined {
    return this.#requests.get(resolutionMs);
  }

  /** Returns the bytes that rings for requests may hold. */
  static requestBytes(specs: WindowSpecs): number {
    let bytes = 0;
    for (const windowBuckets of specs.values()) bytes += RequestRing.maxBytes(windowBuckets);
    return bytes;
  }

  /** Forgets what came before a time: the container's new life starts there. */
  beginLife(startMs: UnixMs): void {
    for (const series of this.#gauges.values()) series.beginLife(startMs);
    for (const ring of this.#requests.values()) ring.dropBefore(startMs);
    this.#countedUntilMs = null;
  }

  /** Takes other window lengths over, keeping what stays the same. */
  adopt(specs: WindowSpecs): void {
    this.#specs = specs;
    for (const series of this.#gauges.values()) series.adopt(specs);
    if (!this.countsRequests) return;
    for (const [resolutionMs, ring] of this.#requests) {
      if (specs.get(resolutionMs) !== ring.windowBuckets) this.#requests.delete(resolutionMs);
    }
    for (const [resolutionMs, windowBuckets] of specs) {
      if (this.#requests.has(resolutionMs)) continue;
      this.#requests.set(resolutionMs, new RequestRing({ resolutionMs, windowBuckets }));
    }
  }

  /** Returns the bytes reserved for this container. */
  reservedBytes(): number {
    const requests = this.countsRequests ? ContainerWindow.requestBytes(this.#specs) : 0;
    return this.#gauges.size * GaugeSeries.maxBytes(this.#specs) + requests;
  }
}
