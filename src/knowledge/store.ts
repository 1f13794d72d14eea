// SPDX-License-Identifier: Apache-2.0
/**
 * The write side of knowledge: what telemetry has said about the containers that some policy
 * selects, checked against what the API server says of them.
 *
 * Nothing here grows with what is sent: containers, memory and samples per second are bounded, and
 * what is dropped is counted by reason. It reads no clock; `nowMs` comes with every call.
 */
import type { UnixMs } from '../domain/clock.ts';
import { type ContainerFacts, containerKey, type ObjectDelta } from '../domain/entity.ts';
import type {
  Batch,
  GaugePoint,
  GaugeQuantity,
  IdentityClaim,
  RequestIncrement,
} from '../domain/telemetry.ts';
import type { WindowSpec } from './bucket-frame.ts';
import { ContainerWindow, lifeStartMs, type RateLimit } from './container-window.ts';
import { addDrops, type DropCounts, type DropReason } from './drop-reason.ts';
import { GaugeSeries, retentionMs, type WindowSpecs } from './gauge-series.ts';
import { LiveView } from './live-view.ts';
import { type Identity, PodDirectory } from './pod-directory.ts';
import type { KnowledgeView } from './view.ts';

/** What the store may hold and take. */
export interface StoreLimits {
  /** Containers with windows. */
  readonly maxContainers: number;
  /** Bytes that all windows together may come to hold, counted at their largest. */
  readonly maxWindowBytes: number;
  /** Samples of one container. */
  readonly rate: RateLimit;
  /** How far ahead of our clock a sample may be. */
  readonly futureToleranceMs: number;
}

/** Limits that hold unless the configuration says otherwise. */
export const DEFAULT_STORE_LIMITS: StoreLimits = {
  maxContainers: 10_000,
  maxWindowBytes: 256 * 1024 * 1024,
  rate: { samplesPerSecond: 50, burst: 8_192 },
  futureToleranceMs: 5_000,
};

/** What became of one batch: every row is accepted, or dropped for one reason. */
export interface IngestResult {
  readonly accepted: number;
  readonly dropped: DropCounts;
}

/** The containers that have windows, by key, and how long those are. */
export type Selection = ReadonlyMap<string, WindowSpecs>;

/** Running totals, and what is held now. */
export interface StoreCounters {
  readonly accepted: number;
  readonly dropped: DropCounts;
  readonly pods: number;
  readonly containers: number;
  readonly reservedBytes: number;
}

type Admission = { readonly window: ContainerWindow } | DropReason;

const isSame = (a: WindowSpecs, b: WindowSpecs): boolean => {
  if (a.size !== b.size) return false;
  for (const [resolutionMs, windowBuckets] of a) {
    if (b.get(resolutionMs) !== windowBuckets) return false;
  }
  return true;
};

/** Holds the windows of the selected containers. */
export class KnowledgeStore {
  readonly #limits: StoreLimits;
  readonly #pods = new PodDirectory();
  readonly #windows = new Map<string, ContainerWindow>();
  readonly #dropped: DropCounts = {};
  #selection: Selection = new Map();
  #accepted = 0;
  #reservedBytes = 0;

  constructor(limits: StoreLimits = DEFAULT_STORE_LIMITS) {
    this.#limits = limits;
  }

  /**
   * Applies changes of pods. Windows of containers that are gone go; those of a restarted container
   * begin anew.
   * @returns the keys of containers whose life ended
   */
  applyObjects(deltas: readonly ObjectDelta[]): readonly string[] {
    const ended: string[] = [];
    for (const delta of deltas) {
      for (const { key, before, now } of this.#pods.apply(delta)) {
        if (before === null) continue;
        if (now === null) this.#forget(key);
        else if (!this.#beginsAnew(key, before, now)) continue;
        ended.push(key);
      }
    }
    return ended;
  }

  /** Replaces the selection: windows that are no longer wanted go, others keep what stays the same. */
  select(selection: Selection): void {
    this.#selection = selection;
    for (const [key, window] of this.#windows) {
      const specs = selection.get(key);
      if (specs === undefined) this.#forget(key);
      else if (!isSame(specs, window.specs)) this.#resize(key, window, specs);
    }
  }

  /** Takes a batch in, row by row; never throws on what a sender can write. */
  ingest(batch: Batch, nowMs: UnixMs): IngestResult {
    const dropped: DropCounts = {};
    let accepted = 0;
    const identify = this.#identifier();
    const note = (fate: DropReason | 'accepted'): void => {
      if (fate === 'accepted') accepted += 1;
      else dropped[fate] = (dropped[fate] ?? 0) + 1;
    };
    for (const point of batch.gauges) note(this.#takeGauge(point, identify, nowMs));
    for (const point of batch.rivals ?? []) note(this.#takeGauge(point, identify, nowMs));
    for (const increment of batch.requests) note(this.#takeRequests(increment, identify, nowMs));
    this.#accepted += accepted;
    addDrops(this.#dropped, dropped);
    return { accepted, dropped };
  }

  /** Returns facts of a container, or `null` when the API server has no such one. */
  facts(podUid: string, container: string): ContainerFacts | null {
    return this.#pods.facts(podUid, container);
  }

  /** Returns a view of some containers, valid until the next call that changes the store. */
  view(refs: readonly { podUid: string; container: string }[], spec: WindowSpec): KnowledgeView {
    return new LiveView(spec, refs, (podUid, container) => {
      const facts = this.#pods.facts(podUid, container);
      if (facts === null) return null;
      return { facts, window: this.#windows.get(containerKey(podUid, container)) };
    });
  }

  /** Returns a gauge with at least one sample, or `undefined`. */
  gauge(podUid: string, container: string, quantity: GaugeQuantity): GaugeSeries | undefined {
    return this.#windows.get(containerKey(podUid, container))?.gauge(quantity);
  }

  /** Returns all gauges of a container; empty when it has no window. */
  gauges(podUid: string, container: string): ReadonlyMap<GaugeQuantity, GaugeSeries> {
    return this.#windows.get(containerKey(podUid, container))?.gauges() ?? new Map();
  }

  /** Rows that entered a window so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Returns the running totals. */
  counters(): StoreCounters {
    return {
      accepted: this.#accepted,
      dropped: { ...this.#dropped },
      pods: this.#pods.size,
      containers: this.#windows.size,
      reservedBytes: this.#reservedBytes,
    };
  }

  #takeGauge(point: GaugePoint, identify: Identify, nowMs: UnixMs): DropReason | 'accepted' {
    if (!(point.value >= 0 && point.value < Number.POSITIVE_INFINITY)) return 'invalid';
    const admission = this.#admit(point.claim, point.timeMs, identify, nowMs);
    if (typeof admission === 'string') return admission;
    const { window } = admission;
    let series = window.gauge(point.quantity);
    if (series === undefined) {
      if (!this.#reserve(GaugeSeries.maxBytes(window.specs))) return 'memory';
      series = window.addGauge(point.quantity);
    }
    return series.add(point.timeMs, point.value, point.sender);
  }

  #takeRequests(
    increment: RequestIncrement,
    identify: Identify,
    nowMs: UnixMs,
  ): DropReason | 'accepted' {
    if (!(increment.count >= 0 && increment.count < Number.POSITIVE_INFINITY)) return 'invalid';
    const admission = this.#admit(increment.claim, increment.timeMs, identify, nowMs);
    if (typeof admission === 'string') return admission;
    const { window } = admission;
    if (!window.countsRequests) {
      if (!this.#reserve(ContainerWindow.requestBytes(window.specs))) return 'memory';
      window.addRequests();
    }
    return window.addIncrement(increment.timeMs, increment.count) ? 'accepted' : 'late';
  }

  /** Everything that must hold before a row of either kind may touch a window. */
  #admit(claim: IdentityClaim, timeMs: UnixMs, identify: Identify, nowMs: UnixMs): Admission {
    if (!(timeMs > 0 && timeMs < Number.POSITIVE_INFINITY)) return 'invalid';
    const identity = identify(claim);
    if (identity.kind === 'refused') return identity.reason;
    const specs = this.#selection.get(identity.key);
    if (specs === undefined) return 'unselected';
    if (timeMs > nowMs + this.#limits.futureToleranceMs) return 'future';
    if (timeMs < lifeStartMs(identity.facts)) return 'before_start';
    if (timeMs < nowMs - retentionMs(specs)) return 'late';
    const window = this.#windows.get(identity.key) ?? this.#open(identity.key, specs, nowMs);
    if (window === null) return 'capacity';
    return window.takeToken(this.#limits.rate, nowMs) ? { window } : 'rate';
  }

  /** Rows of one resource share their claim object: it is looked up once. */
  #identifier(): Identify {
    let claim: IdentityClaim | null = null;
    let identity: Identity = { kind: 'refused', reason: 'no_identity' };
    return (next) => {
      if (next !== claim) {
        claim = next;
        identity = this.#pods.identify(next);
      }
      return identity;
    };
  }

  #open(key: string, specs: WindowSpecs, nowMs: UnixMs): ContainerWindow | null {
    if (this.#windows.size >= this.#limits.maxContainers) return null;
    const window = new ContainerWindow(specs, this.#limits.rate, nowMs);
    this.#windows.set(key, window);
    return window;
  }

  #reserve(bytes: number): boolean {
    if (this.#reservedBytes + bytes > this.#limits.maxWindowBytes) return false;
    this.#reservedBytes += bytes;
    return true;
  }

  #forget(key: string): void {
    const window = this.#windows.get(key);
    if (window === undefined) return;
    this.#reservedBytes -= window.reservedBytes();
    this.#windows.delete(key);
  }

  #beginsAnew(key: string, before: ContainerFacts, now: ContainerFacts): boolean {
    const startMs = lifeStartMs(now);
    if (now.restartCount === before.restartCount && startMs <= lifeStartMs(before)) return false;
    this.#windows.get(key)?.beginLife(startMs);
    return true;
  }

  #resize(key: string, window: ContainerWindow, specs: WindowSpecs): void {
    const before = window.reservedBytes();
    window.adopt(specs);
    this.#reservedBytes += window.reservedBytes() - before;
    if (this.#reservedBytes <= this.#limits.maxWindowBytes) return;
    // It has grown past the limit: better unknown than unbounded.
    this.#forget(key);
    addDrops(this.#dropped, { memory: 1 });
  }
}

type Identify = (claim: IdentityClaim) => Identity;
