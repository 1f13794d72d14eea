// SPDX-License-Identifier: Apache-2.0
import type { Columns } from './columns.ts';
import { readId, readKeyValue } from './decode-envelope.ts';
import type { WireReader } from './wire.ts';

/** Reads one span that ends at `end`. */
export const readSpan = (
  reader: WireReader,
  columns: Columns,
  end: number,
  scope: number,
): void => {
  const { spans, attributes } = columns;
  const row = spans.add();
  spans.scope[row] = scope;
  spans.firstAttribute[row] = attributes.rows;
  spans.firstEvent[row] = columns.events.rows;
  spans.firstLink[row] = columns.links.rows;
  while (reader.pos < end) readSpanField(reader, columns, end, row);
  spans.attributeCount[row] = attributes.rows - spans.firstAttribute[row]!;
  spans.eventCount[row] = columns.events.rows - spans.firstEvent[row]!;
  spans.linkCount[row] = columns.links.rows - spans.firstLink[row]!;
};

const readSpanField = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  const { spans } = columns;
  const tag = reader.tag(end);
  switch (tag) {
    case 10:
      spans.traceIdLength[row] = readId(reader, end, { target: spans.traceId, row, words: 4 });
      break;
    case 18:
      spans.spanIdLength[row] = readId(reader, end, { target: spans.spanId, row, words: 2 });
      break;
    case 26: {
      const stop = reader.delimited(end);
      spans.traceStateOffset[row] = reader.pos;
      spans.traceStateLength[row] = stop - reader.pos;
      reader.pos = stop;
      break;
    }
    case 34:
      spans.parentIdLength[row] = readId(reader, end, { target: spans.parentId, row, words: 2 });
      break;
    case 42: {
      const stop = reader.delimited(end);
      spans.nameOffset[row] = reader.pos;
      spans.nameLength[row] = stop - reader.pos;
      reader.pos = stop;
      break;
    }
    case 48:
      spans.kind[row] = reader.int32(end);
      break;
    case 57:
      reader.fixed64(end);
      spans.startLo[row] = reader.lo;
      spans.startHi[row] = reader.hi;
      break;
    case 65:
      reader.fixed64(end);
      spans.endLo[row] = reader.lo;
      spans.endHi[row] = reader.hi;
      break;
    case 74:
      readKeyValue(reader, columns, columns.attributes, reader.delimited(end));
      break;
    case 80:
      spans.droppedAttributes[row] = reader.uint32(end);
      break;
    case 90:
      readEvent(reader, columns, reader.delimited(end), row);
      break;
    case 96:
      spans.droppedEvents[row] = reader.uint32(end);
      break;
    case 106:
      readLink(reader, columns, reader.delimited(end), row);
      break;
    case 112:
      spans.droppedLinks[row] = reader.uint32(end);
      break;
    case 122:
      readStatus(reader, columns, reader.delimited(end), row);
      break;
    case 133:
      spans.flags[row] = reader.fixed32(end);
      break;
    default:
      reader.skip(tag, end);
  }
};

const readStatus = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  const { spans } = columns;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 18) {
      const stop = reader.delimited(end);
      spans.statusMessageOffset[row] = reader.pos;
      spans.statusMessageLength[row] = stop - reader.pos;
      reader.pos = stop;
    } else if (tag === 24) spans.statusCode[row] = reader.int32(end);
    else reader.skip(tag, end);
  }
};

const readEvent = (reader: WireReader, columns: Columns, end: number, span: number): void => {
  const { events, detailAttributes } = columns;
  const row = events.add();
  events.span[row] = span;
  events.firstAttribute[row] = detailAttributes.rows;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 9) {
      reader.fixed64(end);
      events.timeLo[row] = reader.lo;
      events.timeHi[row] = reader.hi;
    } else if (tag === 18) {
      const stop = reader.delimited(end);
      events.nameOffset[row] = reader.pos;
      events.nameLength[row] = stop - reader.pos;
      reader.pos = stop;
    } else if (tag === 26) {
      readKeyValue(reader, columns, detailAttributes, reader.delimited(end));
    } else reader.skip(tag, end);
  }
  events.attributeCount[row] = detailAttributes.rows - events.firstAttribute[row]!;
};

const readLink = (reader: WireReader, columns: Columns, end: number, span: number): void => {
  const { links, detailAttributes } = columns;
  const row = links.add();
  links.span[row] = span;
  links.firstAttribute[row] = detailAttributes.rows;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) {
      links.traceIdLength[row] = readId(reader, end, { target: links.traceId, row, words: 4 });
    } else if (tag === 18) {
      links.spanIdLength[row] = readId(reader, end, { target: links.spanId, row, words: 2 });
    } else if (tag === 34) {
      readKeyValue(reader, columns, detailAttributes, reader.delimited(end));
    } else if (tag === 53) links.flags[row] = reader.fixed32(end);
    else reader.skip(tag, end);
  }
  links.attributeCount[row] = detailAttributes.rows - links.firstAttribute[row]!;
};
