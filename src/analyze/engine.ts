// SPDX-License-Identifier: Apache-2.0
/**
 * The analysis engine: telemetry and object deltas in, evidence and answered queries out. It is the
 * whole content of the analysis worker, and runs as well in the caller's thread under a virtual
 * clock: it reads no clock, does no I/O, and every call carries the time.
 *
 * Order of a worker's day: `apply` and `bind` when the main thread says so, `ingest` for each batch,
 * and `analyse` when a round is due.
 */
import type { Analysis, AnalysisAnswer, AnalysisQuery, Binding } from '../domain/analysis.ts';
import type { Clock, UnixMs } from '../domain/clock.ts';
import { containerKey, type ObjectDelta } from '../domain/entity.ts';
import type { Evidence, TriggerRef } from '../domain/evidence.ts';
import type { Batch, Sink, SinkAnswer } from '../domain/telemetry.ts';
import { reportToSender } from '../knowledge/drop-reason.ts';
import {
  DEFAULT_STORE_LIMITS,
  type IngestResult,
  KnowledgeStore,
  type StoreCounters,
  type StoreLimits,
} from '../knowledge/store.ts';
import { BoundTrigger, type DetectorFailure } from './bound-trigger.ts';
import type { Detector } from './detector.ts';

/** What an engine is built from. */
export interface EngineOptions {
  /** The registry of detectors. */
  readonly detectors: readonly Detector[];
  /** Limits of the knowledge; {@link DEFAULT_STORE_LIMITS} when missing. */
  readonly limits?: StoreLimits;
}

/** Totals of the engine, as plain numbers. */
export interface EngineCounters extends StoreCounters {
  /** Bound triggers. */
  readonly bindings: number;
  /** Rounds run so far. */
  readonly rounds: number;
  /** Evidence rows given so far. */
  readonly evidence: number;
}

const triggerKey = (trigger: TriggerRef): string =>
  JSON.stringify([trigger.policyUid, trigger.trigger]);

/** Runs bound detectors over the knowledge it holds. */
export class AnalysisEngine {
  readonly #detectors: ReadonlyMap<string, Detector>;
  readonly #store: KnowledgeStore;
  #triggers = new Map<string, BoundTrigger>();
  #rounds = 0;
  #evidence = 0;

  constructor(options: EngineOptions) {
    this.#detectors = new Map(options.detectors.map((detector) => [detector.id, detector]));
    this.#store = new KnowledgeStore(options.limits ?? DEFAULT_STORE_LIMITS);
  }

  /** Takes a batch in; every row is accepted or counted as dropped for one reason. */
  ingest(batch: Batch, nowMs: UnixMs): IngestResult {
    return this.#store.ingest(batch, nowMs);
  }

  /** Applies changes of pods; evidence about a container's former life goes with that life. */
  apply(deltas: readonly ObjectDelta[]): void {
    for (const key of this.#store.applyObjects(deltas)) {
      for (const trigger of this.#triggers.values()) trigger.forget(key);
    }
  }

  /**
   * Replaces all bindings. One that stays the same but for its containers keeps its state. A binding
   * that cannot be bound is a {@link failures} row, never an exception.
   */
  bind(bindings: readonly Binding[]): void {
    const triggers = new Map<string, BoundTrigger>();
    for (const binding of bindings) {
      const key = triggerKey(binding.trigger);
      const present = this.#triggers.get(key);
      if (present?.isSameAs(binding)) {
        present.reselect(binding);
        triggers.set(key, present);
      } else {
        triggers.set(key, new BoundTrigger(binding, this.#detectors.get(binding.detector)));
      }
    }
    this.#triggers = triggers;
    this.#store.select(this.#selection());
  }

  /** True when {@link analyse} would run a detector. */
  isDue(nowMs: UnixMs): boolean {
    for (const trigger of this.#triggers.values()) if (trigger.isDue(nowMs)) return true;
    return false;
  }

  /**
   * Runs the detectors whose interval has passed. The generator pauses after each workload: batches,
   * deltas and bindings may be handed in before it goes on.
   * @returns the evidence of the round; that of a trigger unbound meanwhile is left out
   */
  *analyse(nowMs: UnixMs): Generator<void, readonly Evidence[]> {
    const found: Evidence[] = [];
    let hasRun = false;
    for (const [key, trigger] of [...this.#triggers]) {
      if (this.#triggers.get(key) !== trigger || !trigger.isDue(nowMs)) continue;
      hasRun = true;
      const evidence = yield* trigger.round(this.#store, nowMs);
      if (this.#triggers.get(key) === trigger) found.push(...evidence);
    }
    if (hasRun) this.#rounds += 1;
    this.#evidence += found.length;
    return found;
  }

  /** Runs {@link analyse} to its end. */
  tick(nowMs: UnixMs): readonly Evidence[] {
    const round = this.analyse(nowMs);
    for (;;) {
      const step = round.next();
      if (step.done) return step.value;
    }
  }

  /** Answers a query; what is not known is `null` or left out, never invented. */
  query(query: AnalysisQuery): AnalysisAnswer {
    const { podUid, container } = query;
    switch (query.kind) {
      case 'interpolate': {
        const series = this.#store.gauge(podUid, container, query.quantity);
        return {
          kind: 'interpolate',
          values: query.timesMs.map((timeMs) => series?.at(timeMs) ?? null),
        };
      }
      case 'evidence': {
        const trigger = this.#triggers.get(triggerKey(query.trigger));
        return {
          kind: 'evidence',
          evidence: trigger?.newest(containerKey(podUid, container)) ?? null,
        };
      }
      case 'samples': {
        const quantities = [];
        for (const [quantity, series] of this.#store.gauges(podUid, container)) {
          const since = series.since(query.sinceMs);
          if (since !== null) quantities.push({ quantity, ...since });
        }
        return { kind: 'samples', quantities };
      }
    }
  }

  /** Returns one row for each trigger that has failed. */
  failures(): readonly DetectorFailure[] {
    return [...this.#triggers.values()]
      .map((trigger) => trigger.failure())
      .filter((failure) => failure !== null);
  }

  /** Rows that entered a window so far. */
  get accepted(): number {
    return this.#store.accepted;
  }

  /** Returns the running totals. */
  counters(): EngineCounters {
    return {
      ...this.#store.counters(),
      bindings: this.#triggers.size,
      rounds: this.#rounds,
      evidence: this.#evidence,
    };
  }

  /** The union of what the bound detectors ask for: per container, the longest window of each resolution. */
  #selection(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    const selection = new Map<string, Map<number, number>>();
    for (const { spec, containers } of this.#triggers.values()) {
      if (spec === null) continue;
      for (const key of containers) {
        const windows = selection.get(key) ?? new Map<number, number>();
        const longest = Math.max(windows.get(spec.resolutionMs) ?? 0, spec.windowBuckets);
        windows.set(spec.resolutionMs, longest);
        selection.set(key, windows);
      }
    }
    return selection;
  }
}

/** Builds an engine. */
export const createEngine = (options: EngineOptions): AnalysisEngine => new AnalysisEngine(options);

/** Feeds an engine: the sender hears of the rows it can do something about. */
export const engineSink = (engine: AnalysisEngine, clock: Pick<Clock, 'wallMs'>): Sink => ({
  offer: (batch): Promise<SinkAnswer> => {
    const { dropped } = engine.ingest(batch, clock.wallMs());
    const { rejected, message } = reportToSender(dropped);
    if (rejected === 0) return Promise.resolve({ kind: 'accepted' });
    return Promise.resolve({ kind: 'partial', rejected, message });
  },
});

/** The engine as the main thread's {@link Analysis}, with the round in the caller's hand. */
export interface InProcessAnalysis extends Analysis {
  /** Runs the due detectors at the clock's time, tells the listeners, and returns the evidence. */
  tick(): readonly Evidence[];
}

/** Wraps an engine for tests, simulation and backtest: everything happens inside the call. */
export const inProcessAnalysis = (
  engine: AnalysisEngine,
  clock: Pick<Clock, 'wallMs'>,
): InProcessAnalysis => {
  const listeners: ((evidence: readonly Evidence[]) => void)[] = [];
  return {
    apply: (deltas) => engine.apply(deltas),
    bind: (bindings) => engine.bind(bindings),
    query: (query) => Promise.resolve(engine.query(query)),
    onEvidence: (listener) => {
      listeners.push(listener);
    },
    tick: () => {
      const evidence = engine.tick(clock.wallMs());
      if (evidence.length > 0) for (const listener of listeners) listener(evidence);
      return evidence;
    },
  };
};
