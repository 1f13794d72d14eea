// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../../domain/clock.ts';
import type { Batch } from '../../domain/telemetry.ts';
import { BatchDraft } from './batch-draft.ts';
import type { Columns } from './columns.ts';
import { normaliseMetrics } from './normalise-metrics.ts';
import { normaliseSpans } from './normalise-traces.ts';
import { createNormaliserCounters, type NormaliserCounters } from './normaliser-counters.ts';
import { NormaliserState } from './normaliser-state.ts';

/** Bounds of a {@link Normaliser}; each has a default. */
export interface NormaliserOptions {
  /** A timestamp later than the receive time by more than this is rejected; default 5 min. */
  readonly maxFutureMs?: number;
  /** A timestamp older than this at the receive time is rejected; default 24 h. */
  readonly maxAgeMs?: number;
  /** Series remembered, of request counters and of gauges each; default 20,000. */
  readonly maxSeries?: number;
  /** Resources (processes) remembered; default 10,000. */
  readonly maxResources?: number;
  /** A sender is told of an old metric name at most this often; default 1 h. */
  readonly oldNameWarningMs?: number;
}

const DEFAULTS: Required<NormaliserOptions> = {
  maxFutureMs: 300_000,
  maxAgeMs: 86_400_000,
  maxSeries: 20_000,
  maxResources: 10_000,
  oldNameWarningMs: 3_600_000,
};
/** Old names remembered as told; the names come from a closed table but for one pattern. */
const MAX_TOLD = 64;

/**
 * Turns columns into the canonical {@link Batch}: names, units, identity claims, increments. Holds
 * the state of series, so one analysis worker owns one of it. Not for concurrent use.
 *
 * After {@link Normaliser.normalise} the caller offers the batch and then calls `commit` or, when it
 * was not accepted, `rollback`: the same request will come again.
 */
export class Normaliser {
  readonly #options: Required<NormaliserOptions>;
  readonly #state: NormaliserState;
  readonly #told = new Map<string, UnixMs>();
  #counters = createNormaliserCounters();
  #countersBefore = createNormaliserCounters();

  constructor(options: NormaliserOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
    this.#state = new NormaliserState(this.#options);
  }

  /** Totals since the start. */
  get counters(): NormaliserCounters {
    return { ...this.#counters, evicted: this.#state.evicted };
  }

  /** Makes the batch and moves the series state on. The batch holds plain objects, no columns. */
  normalise(columns: Columns, receivedAtMs: UnixMs): Batch {
    this.commit();
    const draft = new BatchDraft(columns, receivedAtMs, this.#options);
    const context = { draft, state: this.#state, counters: this.#counters };
    if (columns.signal === 'metrics') normaliseMetrics(context);
    else if (columns.signal === 'traces') normaliseSpans(context);
    const requests = draft.requests();
    this.#count(draft, requests.length);
    return {
      signal: columns.signal,
      receivedAtMs,
      gauges: draft.gauges,
      ...(draft.rivals.length > 0 && { rivals: draft.rivals }),
      requests,
      items: columns.items,
      rejected: draft.tally.total,
      rejectionMessage: draft.tally.message(),
    };
  }

  /**
   * Gives a warning for a request that was accepted in full, at most once per hour and name; empty
   * when there is none. Call it only if the answer will carry it.
   */
  warning(columns: Columns, receivedAtMs: UnixMs): string {
    const lines: string[] = [];
    for (const [old, renamedTo] of this.#lastOldNames) {
      const toldMs = this.#told.get(old) ?? Number.NEGATIVE_INFINITY;
      if (receivedAtMs - toldMs < this.#options.oldNameWarningMs || this.#told.size >= MAX_TOLD) {
        continue;
      }
      this.#told.set(old, receivedAtMs);
      lines.push(`the metric ${old} is now called ${renamedTo}`);
    }
    if (columns.stringIndexes > 0) lines.push('string table indexes belong to profiles only');
    return lines.join('; ');
  }

  /** Makes the last batch final: it was accepted. */
  commit(): void {
    this.#state.commit();
    this.#countersBefore = { ...this.#counters, rejected: { ...this.#counters.rejected } };
  }

  /** Takes back what the last {@link normalise} did: its batch was not accepted. */
  rollback(): void {
    this.#state.rollback();
    this.#counters = { ...this.#countersBefore, rejected: { ...this.#countersBefore.rejected } };
  }

  #lastOldNames: ReadonlyMap<string, string> = new Map();

  #count(draft: BatchDraft, increments: number): void {
    const counters = this.#counters;
    const { columns } = draft;
    this.#lastOldNames = draft.oldNames;
    counters.dataPoints += columns.points.rows;
    counters.spans += columns.spans.rows;
    counters.logRecords += columns.logs.rows;
    counters.gauges += draft.gauges.length;
    counters.requestIncrements += increments;
    counters.stringIndexes += columns.stringIndexes;
    for (const [reason, count] of draft.tally.entries()) counters.rejected[reason] += count;
  }
}
