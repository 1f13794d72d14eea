// SPDX-License-Identifier: Apache-2.0
/**
 * The read side of knowledge: what a detector may see.
 *
 * A view is made for one `resolution` (a policy field); every array in it has one element per bucket
 * of that length. It is read only, holds no promise and no clock, and is valid only until the next
 * batch is applied: a detector reads it inside one call and keeps plain numbers, never the arrays.
 *
 * Example: a gauge sampled every 400 ms under `resolution: 2s` gives buckets of about five samples;
 * `p30[i]` is the 30th percentile of bucket `i`, a floor that a short peak cannot lift.
 */
import type { UnixMs } from '../domain/clock.ts';
import type { ContainerFacts } from '../domain/entity.ts';
import type { GaugeQuantity } from '../domain/telemetry.ts';

/** One gauge in buckets of equal length; all arrays have `length` elements, oldest first. */
export interface BucketSeries {
  readonly length: number;
  /** Length of a bucket in ms, the policy's resolution. */
  readonly stepMs: number;
  /** Start of bucket 0; bucket `i` covers [startMs + i*stepMs, startMs + (i+1)*stepMs). */
  readonly startMs: UnixMs;
  /** Number of samples in each bucket; 0 is a gap, and then the other arrays hold NaN. */
  readonly count: Uint32Array;
  readonly min: Float64Array;
  readonly p30: Float64Array;
  readonly median: Float64Array;
  readonly max: Float64Array;
}

/** One container: facts of the API server, and its series. */
export interface ContainerView {
  readonly facts: ContainerFacts;
  /** Returns the series of one quantity, or `null` when no sample of it was ever accepted. */
  gauge(quantity: GaugeQuantity): GaugeView | null;
  /**
   * Requests per bucket, aligned with the buckets of {@link gauge} of the same view by time;
   * `null`: this container reports none, which is not zero.
   */
  requests(): {
    readonly startMs: UnixMs;
    readonly stepMs: number;
    readonly count: Float64Array;
  } | null;
}

/** A gauge with what is known of its sampling. */
export interface GaugeView {
  readonly buckets: BucketSeries;
  /** Time of the newest accepted sample. */
  readonly newestSampleMs: UnixMs;
  readonly newestValue: number;
  /** Median distance between successive samples in ms; NaN below three samples. */
  readonly sampleIntervalMs: number;
  /** Accepted samples in the window. */
  readonly samples: number;
  /**
   * When it was last seen that two senders speak for this gauge and contradict each other, or that
   * samples were dropped because there were too many; missing: never. Nobody knows then which are true.
   */
  readonly contestedMs?: UnixMs;
}

/** Everything a detector may see, at one resolution. */
export interface KnowledgeView {
  readonly resolutionMs: number;
  /** The containers of one workload that the trigger's policy selects: all its replicas together. */
  containers(): readonly ContainerView[];
}
