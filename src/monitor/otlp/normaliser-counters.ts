// SPDX-License-Identifier: Apache-2.0
import { REJECTIONS, type Rejection } from './rejections.ts';

/** Totals of a normaliser: what came, what was used, and why the rest was not. */
export interface NormaliserCounters {
  dataPoints: number;
  spans: number;
  logRecords: number;
  gauges: number;
  requestIncrements: number;
  /** Items rejected, by reason; the sender was told. */
  rejected: Record<Rejection, number>;
  /** Points whose name nothing downstream uses, or whose kind is not the one its name should have. */
  unused: number;
  /** Items of use whose resource names no pod. */
  unidentified: number;
  noRecordedValue: number;
  /** Points and spans that had come before, or late behind a newer one of their series. */
  duplicates: number;
  /** Points of an older name or a wider scope, where a better one reports the same. */
  superseded: number;
  /** Points of a second writer of one series. */
  overlapping: number;
  /** First points that only set the base of a counter. */
  baselines: number;
  /** Series and resources forgotten because the table was full. */
  evicted: number;
  /** Fields of profiles in other signals, treated as absent. */
  stringIndexes: number;
}

/** Builds counters that are all zero. */
export const createNormaliserCounters = (): NormaliserCounters => ({
  dataPoints: 0,
  spans: 0,
  logRecords: 0,
  gauges: 0,
  requestIncrements: 0,
  rejected: Object.fromEntries(Object.keys(REJECTIONS).map((reason) => [reason, 0])) as Record<
    Rejection,
    number
  >,
  unused: 0,
  unidentified: 0,
  noRecordedValue: 0,
  duplicates: 0,
  superseded: 0,
  overlapping: 0,
  baselines: 0,
  evicted: 0,
  stringIndexes: 0,
});
