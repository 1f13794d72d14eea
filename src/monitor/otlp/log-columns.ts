// SPDX-License-Identifier: Apache-2.0
import { int32, Table, uint8, uint32 } from './table.ts';

/** The log records. An id has its words only when its length is right. */
export class LogTable extends Table {
  scope = uint32();
  /** Nanoseconds since the epoch; 0 if the sender does not know. */
  timeLo = uint32();
  timeHi = uint32();
  observedLo = uint32();
  observedHi = uint32();
  severity = int32();
  severityTextOffset = uint32();
  severityTextLength = uint32();
  eventNameOffset = uint32();
  eventNameLength = uint32();
  /** 1 + row in the table of bodies; 0: the record has no body. */
  body = uint32();
  flags = uint32();
  traceId = uint32(4);
  traceIdLength = uint8();
  spanId = uint32(2);
  spanIdLength = uint8();
  firstAttribute = uint32();
  attributeCount = uint32();
}
