// SPDX-License-Identifier: Apache-2.0
import type { Columns } from './columns.ts';
import { readAnyValue, readId, readKeyValue } from './decode-envelope.ts';
import type { WireReader } from './wire.ts';

/** Reads one log record that ends at `end`. */
export const readLogRecord = (
  reader: WireReader,
  columns: Columns,
  end: number,
  scope: number,
): void => {
  const { logs, attributes } = columns;
  const row = logs.add();
  logs.scope[row] = scope;
  logs.firstAttribute[row] = attributes.rows;
  while (reader.pos < end) readLogField(reader, columns, end, row);
  logs.attributeCount[row] = attributes.rows - logs.firstAttribute[row]!;
};

const readLogField = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  const { logs, bodies } = columns;
  const tag = reader.tag(end);
  switch (tag) {
    case 9:
      reader.fixed64(end);
      logs.timeLo[row] = reader.lo;
      logs.timeHi[row] = reader.hi;
      break;
    case 16:
      logs.severity[row] = reader.int32(end);
      break;
    case 26: {
      const stop = reader.delimited(end);
      logs.severityTextOffset[row] = reader.pos;
      logs.severityTextLength[row] = stop - reader.pos;
      reader.pos = stop;
      break;
    }
    case 42:
      if (logs.body[row] === 0) logs.body[row] = 1 + bodies.add();
      readAnyValue(reader, columns, {
        table: bodies,
        row: logs.body[row]! - 1,
        end: reader.delimited(end),
      });
      break;
    case 50:
      readKeyValue(reader, columns, columns.attributes, reader.delimited(end));
      break;
    case 69:
      logs.flags[row] = reader.fixed32(end);
      break;
    case 74:
      logs.traceIdLength[row] = readId(reader, end, { target: logs.traceId, row, words: 4 });
      break;
    case 82:
      logs.spanIdLength[row] = readId(reader, end, { target: logs.spanId, row, words: 2 });
      break;
    case 89:
      reader.fixed64(end);
      logs.observedLo[row] = reader.lo;
      logs.observedHi[row] = reader.hi;
      break;
    case 98: {
      const stop = reader.delimited(end);
      logs.eventNameOffset[row] = reader.pos;
      logs.eventNameLength[row] = stop - reader.pos;
      reader.pos = stop;
      break;
    }
    default:
      reader.skip(tag, end);
  }
};
