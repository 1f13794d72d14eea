// SPDX-License-Identifier: Apache-2.0
import { float64, int32, Table, uint8, uint32 } from './table.ts';

/** The member of `Metric.data` that is set; the numbers are its field numbers. */
export const METRIC = {
  none: 0,
  gauge: 5,
  sum: 7,
  histogram: 9,
  exponential: 10,
  summary: 11,
} as const;

/** `AggregationTemporality`. */
export const TEMPORALITY = { unspecified: 0, delta: 1, cumulative: 2 } as const;

/** The member of a number point or an exemplar that is set. */
export const NUMBER = { none: 0, double: 1, int: 2 } as const;

/** Bits of {@link PointTable.presence}. */
export const PRESENT = { sum: 1, min: 2, max: 4 } as const;

/** The metrics; the point columns refer to them, so fields that come after the points are in place. */
export class MetricTable extends Table {
  scope = uint32();
  nameOffset = uint32();
  nameLength = uint32();
  unitOffset = uint32();
  unitLength = uint32();
  /** One of {@link METRIC}. */
  kind = uint8();
  /** See {@link TEMPORALITY}; any other number a sender wrote is kept. */
  temporality = int32();
  isMonotonic = uint8();
  firstPoint = uint32();
  pointCount = uint32();
}

/** The data points of all kinds; a column that a kind does not have is zero. */
export class PointTable extends Table {
  metric = uint32();
  flags = uint32();
  /** Nanoseconds since the epoch. */
  startLo = uint32();
  startHi = uint32();
  timeLo = uint32();
  timeHi = uint32();
  firstAttribute = uint32();
  attributeCount = uint32();
  firstExemplar = uint32();
  exemplarCount = uint32();
  /** One of {@link NUMBER}. */
  valueKind = uint8();
  value = float64();
  intLo = uint32();
  intHi = uint32();
  countLo = uint32();
  countHi = uint32();
  /** Bits of {@link PRESENT}; a summary has always a sum. */
  presence = uint8();
  sum = float64();
  min = float64();
  max = float64();
  /** Range in the table of counts: explicit buckets, or the positive side. */
  firstBucket = uint32();
  bucketCount = uint32();
  firstBound = uint32();
  boundCount = uint32();
  firstNegative = uint32();
  negativeCount = uint32();
  scale = int32();
  positiveOffset = int32();
  negativeOffset = int32();
  zeroCountLo = uint32();
  zeroCountHi = uint32();
  zeroThreshold = float64();
  firstQuantile = uint32();
  quantileCount = uint32();
}

/** Bucket counts, 64-bit. */
export class CountTable extends Table {
  lo = uint32();
  hi = uint32();
}

/** Upper bounds of explicit buckets. */
export class BoundTable extends Table {
  value = float64();
}

/** Quantiles of summaries. */
export class QuantileTable extends Table {
  /** In [0, 1] if the sender is right. */
  quantile = float64();
  value = float64();
}

/** Exemplars; their attributes are in the table of details. */
export class ExemplarTable extends Table {
  point = uint32();
  timeLo = uint32();
  timeHi = uint32();
  /** One of {@link NUMBER}. */
  valueKind = uint8();
  value = float64();
  intLo = uint32();
  intHi = uint32();
  /** Four words; zero unless {@link traceIdLength} is 16. */
  traceId = uint32(4);
  traceIdLength = uint8();
  /** Two words; zero unless {@link spanIdLength} is 8. */
  spanId = uint32(2);
  spanIdLength = uint8();
  firstAttribute = uint32();
  attributeCount = uint32();
}
