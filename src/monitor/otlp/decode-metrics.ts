// SPDX-License-Identifier: Apache-2.0
import type { Columns } from './columns.ts';
import {
  readExponentialPoint,
  readHistogramPoint,
  readNumberPoint,
  readSummaryPoint,
} from './decode-points.ts';
import { METRIC } from './metric-columns.ts';
import type { WireReader } from './wire.ts';

/** Reads one metric that ends at `end`, with its points. */
export const readMetric = (
  reader: WireReader,
  columns: Columns,
  end: number,
  scope: number,
): void => {
  const { metrics } = columns;
  const row = metrics.add();
  const marks = markRows(columns);
  metrics.scope[row] = scope;
  metrics.firstPoint[row] = columns.points.rows;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case 10: {
        const stop = reader.delimited(end);
        metrics.nameOffset[row] = reader.pos;
        metrics.nameLength[row] = stop - reader.pos;
        reader.pos = stop;
        break;
      }
      case 26: {
        const stop = reader.delimited(end);
        metrics.unitOffset[row] = reader.pos;
        metrics.unitLength[row] = stop - reader.pos;
        reader.pos = stop;
        break;
      }
      case 42:
      case 58:
      case 74:
      case 82:
      case 90:
        if (metrics.kind[row] !== METRIC.none && metrics.kind[row] !== tag >>> 3) {
          columns.countKindChange();
          dropData(columns, row, marks);
        }
        metrics.kind[row] = tag >>> 3;
        readData(reader, columns, reader.delimited(end), row);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  metrics.pointCount[row] = columns.points.rows - metrics.firstPoint[row]!;
};

/** The tables that a metric's data writes to. */
const dataTables = (columns: Columns) => [
  columns.points,
  columns.attributes,
  columns.bucketCounts,
  columns.negativeCounts,
  columns.bounds,
  columns.quantiles,
  columns.exemplars,
  columns.detailAttributes,
];

const markRows = (columns: Columns): number[] => dataTables(columns).map((table) => table.rows);

/** Another member of the oneof takes the place of what was read: the last one wins. */
const dropData = (columns: Columns, row: number, marks: readonly number[]): void => {
  for (const [index, table] of dataTables(columns).entries()) table.truncate(marks[index]!);
  columns.metrics.temporality[row] = 0;
  columns.metrics.isMonotonic[row] = 0;
};

const readData = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  const { metrics } = columns;
  const kind = metrics.kind[row]!;
  const hasTemporality =
    kind === METRIC.sum || kind === METRIC.histogram || kind === METRIC.exponential;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) readPoint(reader, columns, reader.delimited(end), row);
    else if (tag === 16 && hasTemporality) metrics.temporality[row] = reader.int32(end);
    else if (tag === 24 && kind === METRIC.sum) metrics.isMonotonic[row] = reader.bool(end) ? 1 : 0;
    else reader.skip(tag, end);
  }
};

const readPoint = (reader: WireReader, columns: Columns, end: number, metric: number): void => {
  const { points, metrics, attributes, exemplars } = columns;
  const row = points.add();
  points.metric[row] = metric;
  points.firstAttribute[row] = attributes.rows;
  points.firstExemplar[row] = exemplars.rows;
  const kind = metrics.kind[metric]!;
  if (kind === METRIC.histogram) readHistogramPoint(reader, columns, end, row);
  else if (kind === METRIC.exponential) readExponentialPoint(reader, columns, end, row);
  else if (kind === METRIC.summary) readSummaryPoint(reader, columns, end, row);
  else readNumberPoint(reader, columns, end, row);
  points.attributeCount[row] = attributes.rows - points.firstAttribute[row]!;
  points.exemplarCount[row] = exemplars.rows - points.firstExemplar[row]!;
};
