// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../../domain/clock.ts';
import type { Batch } from '../../domain/telemetry.ts';
import type { Columns } from './columns.ts';

/** Bounds of a {@link Normaliser}; each has a default. */
export interface NormaliserOptions {
  /** A timestamp later than the receive time by more than this is rejected; default 5 min. */
  readonly maxFutureMs?: number;
  /** A timestamp older than this at the receive time is rejected; default 24 h. */
  readonly maxAgeMs?: number;
  /** Series of request counters remembered; default 20,000. */
  readonly maxSeries?: number;
  /** Resources (processes) remembered; default 10,000. */
  readonly maxResources?: number;
}

/**
 * Turns columns into the canonical {@link Batch}: names, units, identity claims, increments. Holds
 * the state of cumulative series, so one analysis worker owns one of it. Not for concurrent use.
 */
export class Normaliser {
  readonly options: NormaliserOptions;

  constructor(options: NormaliserOptions = {}) {
    this.options = options;
  }

  /** Makes the batch and moves the series state on. The batch holds plain objects, no columns. */
  normalise(_columns: Columns, _receivedAtMs: UnixMs): Batch {
    throw new Error('not built yet');
  }

  /** Takes back what the last {@link normalise} did to the state: its batch was not accepted. */
  rollback(): void {
    throw new Error('not built yet');
  }
}
