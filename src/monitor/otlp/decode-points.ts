// SPDX-License-Identifier: Apache-2.0
import type { Columns } from './columns.ts';
import { readId, readKeyValue } from './decode-envelope.ts';
import { type CountTable, NUMBER, PRESENT } from './metric-columns.ts';
import type { WireReader } from './wire.ts';

const readStart = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  reader.fixed64(end);
  columns.points.startLo[row] = reader.lo;
  columns.points.startHi[row] = reader.hi;
};

const readTime = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  reader.fixed64(end);
  columns.points.timeLo[row] = reader.lo;
  columns.points.timeHi[row] = reader.hi;
};

const readCount = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  reader.fixed64(end);
  columns.points.countLo[row] = reader.lo;
  columns.points.countHi[row] = reader.hi;
};

const readSum = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  columns.points.sum[row] = reader.double(end);
  columns.points.presence[row] = columns.points.presence[row]! | PRESENT.sum;
};

const readMin = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  columns.points.min[row] = reader.double(end);
  columns.points.presence[row] = columns.points.presence[row]! | PRESENT.min;
};

const readMax = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  columns.points.max[row] = reader.double(end);
  columns.points.presence[row] = columns.points.presence[row]! | PRESENT.max;
};

/** Reads a point of a gauge or a sum. */
export const readNumberPoint = (
  reader: WireReader,
  columns: Columns,
  end: number,
  row: number,
): void => {
  const { points } = columns;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case 17:
        readStart(reader, columns, end, row);
        break;
      case 25:
        readTime(reader, columns, end, row);
        break;
      case 33:
        points.value[row] = reader.double(end);
        points.valueKind[row] = NUMBER.double;
        break;
      case 42:
        readExemplar(reader, columns, reader.delimited(end), row);
        break;
      case 49:
        reader.fixed64(end);
        points.intLo[row] = reader.lo;
        points.intHi[row] = reader.hi;
        points.valueKind[row] = NUMBER.int;
        break;
      case 58:
        readKeyValue(reader, columns, columns.attributes, reader.delimited(end));
        break;
      case 64:
        points.flags[row] = reader.uint32(end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
};

/** Reads a point of a histogram with explicit bounds. */
export const readHistogramPoint = (
  reader: WireReader,
  columns: Columns,
  end: number,
  row: number,
): void => {
  const { points, bucketCounts, bounds } = columns;
  points.firstBucket[row] = bucketCounts.rows;
  points.firstBound[row] = bounds.rows;
  while (reader.pos < end) readHistogramField(reader, columns, end, row);
  points.bucketCount[row] = bucketCounts.rows - points.firstBucket[row]!;
  points.boundCount[row] = bounds.rows - points.firstBound[row]!;
};

const readHistogramField = (
  reader: WireReader,
  columns: Columns,
  end: number,
  row: number,
): void => {
  const tag = reader.tag(end);
  switch (tag) {
    case 17:
      readStart(reader, columns, end, row);
      break;
    case 25:
      readTime(reader, columns, end, row);
      break;
    case 33:
      readCount(reader, columns, end, row);
      break;
    case 41:
      readSum(reader, columns, end, row);
      break;
    case 49:
      addFixedCount(reader, columns.bucketCounts, end);
      break;
    case 50: {
      const stop = reader.delimited(end);
      while (reader.pos < stop) addFixedCount(reader, columns.bucketCounts, stop);
      break;
    }
    case 57:
      addBound(reader, columns, end);
      break;
    case 58: {
      const stop = reader.delimited(end);
      while (reader.pos < stop) addBound(reader, columns, stop);
      break;
    }
    case 66:
      readExemplar(reader, columns, reader.delimited(end), row);
      break;
    case 74:
      readKeyValue(reader, columns, columns.attributes, reader.delimited(end));
      break;
    case 80:
      columns.points.flags[row] = reader.uint32(end);
      break;
    case 89:
      readMin(reader, columns, end, row);
      break;
    case 97:
      readMax(reader, columns, end, row);
      break;
    default:
      reader.skip(tag, end);
  }
};

/** The row comes first: adding it may replace the column. */
const addBound = (reader: WireReader, columns: Columns, end: number): void => {
  const value = reader.double(end);
  const row = columns.bounds.add();
  columns.bounds.value[row] = value;
};

const addFixedCount = (reader: WireReader, table: CountTable, end: number): void => {
  reader.fixed64(end);
  const row = table.add();
  table.lo[row] = reader.lo;
  table.hi[row] = reader.hi;
};

const addVarintCount = (reader: WireReader, table: CountTable, end: number): void => {
  reader.varint(end);
  const row = table.add();
  table.lo[row] = reader.lo;
  table.hi[row] = reader.hi;
};

/** Reads a point of an exponential histogram. */
export const readExponentialPoint = (
  reader: WireReader,
  columns: Columns,
  end: number,
  row: number,
): void => {
  const { points, bucketCounts, negativeCounts } = columns;
  points.firstBucket[row] = bucketCounts.rows;
  points.firstNegative[row] = negativeCounts.rows;
  while (reader.pos < end) readExponentialField(reader, columns, end, row);
  points.bucketCount[row] = bucketCounts.rows - points.firstBucket[row]!;
  points.negativeCount[row] = negativeCounts.rows - points.firstNegative[row]!;
};

const readExponentialField = (
  reader: WireReader,
  columns: Columns,
  end: number,
  row: number,
): void => {
  const { points } = columns;
  const tag = reader.tag(end);
  switch (tag) {
    case 10:
      readKeyValue(reader, columns, columns.attributes, reader.delimited(end));
      break;
    case 17:
      readStart(reader, columns, end, row);
      break;
    case 25:
      readTime(reader, columns, end, row);
      break;
    case 33:
      readCount(reader, columns, end, row);
      break;
    case 41:
      readSum(reader, columns, end, row);
      break;
    case 48:
      points.scale[row] = reader.sint32(end);
      break;
    case 57:
      reader.fixed64(end);
      points.zeroCountLo[row] = reader.lo;
      points.zeroCountHi[row] = reader.hi;
      break;
    case 66:
      readBuckets(reader, columns.bucketCounts, reader.delimited(end), (offset) => {
        points.positiveOffset[row] = offset;
      });
      break;
    case 74:
      readBuckets(reader, columns.negativeCounts, reader.delimited(end), (offset) => {
        points.negativeOffset[row] = offset;
      });
      break;
    case 80:
      points.flags[row] = reader.uint32(end);
      break;
    case 90:
      readExemplar(reader, columns, reader.delimited(end), row);
      break;
    case 97:
      readMin(reader, columns, end, row);
      break;
    case 105:
      readMax(reader, columns, end, row);
      break;
    case 113:
      points.zeroThreshold[row] = reader.double(end);
      break;
    default:
      reader.skip(tag, end);
  }
};

const readBuckets = (
  reader: WireReader,
  table: CountTable,
  end: number,
  setOffset: (offset: number) => void,
): void => {
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 8) setOffset(reader.sint32(end));
    else if (tag === 16) addVarintCount(reader, table, end);
    else if (tag === 18) {
      const stop = reader.delimited(end);
      while (reader.pos < stop) addVarintCount(reader, table, stop);
    } else reader.skip(tag, end);
  }
};

/** Reads a point of a summary. */
export const readSummaryPoint = (
  reader: WireReader,
  columns: Columns,
  end: number,
  row: number,
): void => {
  const { points, quantiles } = columns;
  points.firstQuantile[row] = quantiles.rows;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case 17:
        readStart(reader, columns, end, row);
        break;
      case 25:
        readTime(reader, columns, end, row);
        break;
      case 33:
        readCount(reader, columns, end, row);
        break;
      case 41:
        readSum(reader, columns, end, row);
        break;
      case 50:
        readQuantile(reader, columns, reader.delimited(end));
        break;
      case 58:
        readKeyValue(reader, columns, columns.attributes, reader.delimited(end));
        break;
      case 64:
        points.flags[row] = reader.uint32(end);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  points.presence[row] = points.presence[row]! | PRESENT.sum;
  points.quantileCount[row] = quantiles.rows - points.firstQuantile[row]!;
};

const readQuantile = (reader: WireReader, columns: Columns, end: number): void => {
  const { quantiles } = columns;
  const row = quantiles.add();
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 9) quantiles.quantile[row] = reader.double(end);
    else if (tag === 17) quantiles.value[row] = reader.double(end);
    else reader.skip(tag, end);
  }
};

const readExemplar = (reader: WireReader, columns: Columns, end: number, point: number): void => {
  const { exemplars, detailAttributes } = columns;
  const row = exemplars.add();
  exemplars.point[row] = point;
  exemplars.firstAttribute[row] = detailAttributes.rows;
  while (reader.pos < end) readExemplarField(reader, columns, end, row);
  exemplars.attributeCount[row] = detailAttributes.rows - exemplars.firstAttribute[row]!;
};

const readExemplarField = (
  reader: WireReader,
  columns: Columns,
  end: number,
  row: number,
): void => {
  const { exemplars } = columns;
  const tag = reader.tag(end);
  switch (tag) {
    case 17:
      reader.fixed64(end);
      exemplars.timeLo[row] = reader.lo;
      exemplars.timeHi[row] = reader.hi;
      break;
    case 25:
      exemplars.value[row] = reader.double(end);
      exemplars.valueKind[row] = NUMBER.double;
      break;
    case 34:
      exemplars.spanIdLength[row] = readId(reader, end, {
        target: exemplars.spanId,
        row,
        words: 2,
      });
      break;
    case 42:
      exemplars.traceIdLength[row] = readId(reader, end, {
        target: exemplars.traceId,
        row,
        words: 4,
      });
      break;
    case 49:
      reader.fixed64(end);
      exemplars.intLo[row] = reader.lo;
      exemplars.intHi[row] = reader.hi;
      exemplars.valueKind[row] = NUMBER.int;
      break;
    case 58:
      readKeyValue(reader, columns, columns.detailAttributes, reader.delimited(end));
      break;
    default:
      reader.skip(tag, end);
  }
};
