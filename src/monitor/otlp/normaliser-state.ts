// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../../domain/clock.ts';
import type { GaugeOwner } from './gauge-owner.ts';
import { JournaledLru } from './journaled-lru.ts';
import type { CounterState } from './request-counter.ts';
import type { RequestName } from './semantic-names.ts';

/** What is remembered of a process that reported requests. */
export interface RequestReporter {
  /** The best rank of metric name seen in each family; 0: none. */
  readonly http: number;
  readonly rpc: number;
  /** Requests were counted from its spans. */
  readonly hasSpans: boolean;
  /** Receive time of its first batch with a metric of requests; 0: none yet. */
  readonly metricSinceMs: UnixMs;
}

/** A process of which nothing is known yet. */
export const NEW_REPORTER: RequestReporter = { http: 0, rpc: 0, hasSpans: false, metricSinceMs: 0 };

/** Caps of the tables. */
export interface StateBounds {
  readonly maxSeries: number;
  readonly maxResources: number;
}

/** Server spans remembered to count each once; about 100 bytes each. */
const MAX_SPAN_IDS = 65_536;

/** Everything a normaliser remembers between batches; changes are final or taken back together. */
export class NormaliserState {
  readonly series: JournaledLru<CounterState>;
  readonly reporters: JournaledLru<RequestReporter>;
  readonly gaugeOwners: JournaledLru<GaugeOwner>;
  /** Receive time of the last sample of a container's own series, by quantity and pod. */
  readonly containerScope: JournaledLru<UnixMs>;
  readonly spanIds: JournaledLru<true>;

  constructor(bounds: StateBounds) {
    this.series = new JournaledLru(bounds.maxSeries);
    this.reporters = new JournaledLru(bounds.maxResources);
    this.gaugeOwners = new JournaledLru(bounds.maxSeries);
    this.containerScope = new JournaledLru(bounds.maxResources);
    this.spanIds = new JournaledLru(MAX_SPAN_IDS);
  }

  /** Entries forgotten because a table was full; span ids do not count, they are meant to go. */
  get evicted(): number {
    return this.#tables().reduce((sum, table) => sum + table.evicted, 0);
  }

  /** Makes the changes of the last batch final. */
  commit(): void {
    for (const table of this.#tables()) table.commit();
    this.spanIds.commit();
  }

  /** Takes the changes of the last batch back. */
  rollback(): void {
    for (const table of this.#tables()) table.rollback();
    this.spanIds.rollback();
  }

  /** Changes what is known of a process. */
  amendReporter(key: string, change: Partial<RequestReporter>): void {
    this.reporters.set(key, { ...(this.reporters.get(key) ?? NEW_REPORTER), ...change });
  }

  /** Notes that a process reports requests by a metric; a better name takes a worse one's place. */
  noteRequestMetric(key: string, name: RequestName, receivedAtMs: UnixMs): void {
    const known = this.reporters.get(key) ?? NEW_REPORTER;
    const metricSinceMs = known.metricSinceMs === 0 ? receivedAtMs : known.metricSinceMs;
    if (known[name.family] >= name.rank && known.metricSinceMs === metricSinceMs) return;
    const rank = Math.max(known[name.family], name.rank);
    this.amendReporter(key, { [name.family]: rank, metricSinceMs });
  }

  #tables() {
    return [this.series, this.reporters, this.gaugeOwners, this.containerScope];
  }
}
