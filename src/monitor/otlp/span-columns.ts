// SPDX-License-Identifier: Apache-2.0
import { int32, Table, uint8, uint32 } from './table.ts';

/** `SpanKind` as the wire has it. */
export const SPAN_KIND = { server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** The spans. An id has its words only when its length is right, and its length up to 255 always. */
export class SpanTable extends Table {
  scope = uint32();
  traceId = uint32(4);
  traceIdLength = uint8();
  spanId = uint32(2);
  spanIdLength = uint8();
  parentId = uint32(2);
  parentIdLength = uint8();
  traceStateOffset = uint32();
  traceStateLength = uint32();
  nameOffset = uint32();
  nameLength = uint32();
  /** See {@link SPAN_KIND}; any other number a sender wrote is kept. */
  kind = int32();
  /** Nanoseconds since the epoch. */
  startLo = uint32();
  startHi = uint32();
  endLo = uint32();
  endHi = uint32();
  flags = uint32();
  statusCode = int32();
  statusMessageOffset = uint32();
  statusMessageLength = uint32();
  firstAttribute = uint32();
  attributeCount = uint32();
  droppedAttributes = uint32();
  firstEvent = uint32();
  eventCount = uint32();
  droppedEvents = uint32();
  firstLink = uint32();
  linkCount = uint32();
  droppedLinks = uint32();
}

/** Events of spans; their attributes are in the table of details. */
export class EventTable extends Table {
  span = uint32();
  timeLo = uint32();
  timeHi = uint32();
  nameOffset = uint32();
  nameLength = uint32();
  firstAttribute = uint32();
  attributeCount = uint32();
}

/** Links of spans; their attributes are in the table of details. */
export class LinkTable extends Table {
  span = uint32();
  traceId = uint32(4);
  traceIdLength = uint8();
  spanId = uint32(2);
  spanIdLength = uint8();
  flags = uint32();
  firstAttribute = uint32();
  attributeCount = uint32();
}
