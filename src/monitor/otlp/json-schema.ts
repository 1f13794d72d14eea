// SPDX-License-Identifier: Apache-2.0
import type { SignalKind } from '../../domain/telemetry.ts';

/** How a JSON value is written on the wire; `hex` is the OTLP form of ids. */
export type ScalarKind =
  | 'string'
  | 'bytes'
  | 'hex'
  | 'bool'
  | 'enum'
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'int64'
  | 'uint64'
  | 'fixed64'
  | 'sfixed64'
  | 'fixed32'
  | 'double';

/** One field of a message. */
export interface JsonField {
  readonly number: number;
  readonly kind: ScalarKind | JsonMessage;
  readonly isRepeated: boolean;
  /** A bit of its own among the fields of its message, to notice a key that comes twice. */
  readonly bit: number;
}

/** The fields of a message by their lowerCamelCase key. Only this spelling is known. */
export type JsonMessage = Map<string, JsonField>;

type Row = readonly [key: string, number: number, kind: ScalarKind | JsonMessage, list?: 'list'];

const fill = (message: JsonMessage, rows: readonly Row[]): JsonMessage => {
  for (const [index, [key, number, kind, list]] of rows.entries()) {
    message.set(key, { number, kind, isRepeated: list === 'list', bit: 1 << index });
  }
  return message;
};

const message = (...rows: Row[]): JsonMessage => fill(new Map(), rows);

const anyValue: JsonMessage = new Map();
const keyValue = message(['key', 1, 'string'], ['value', 2, anyValue]);
fill(anyValue, [
  ['stringValue', 1, 'string'],
  ['boolValue', 2, 'bool'],
  ['intValue', 3, 'int64'],
  ['doubleValue', 4, 'double'],
  ['arrayValue', 5, message(['values', 1, anyValue, 'list'])],
  ['kvlistValue', 6, message(['values', 1, keyValue, 'list'])],
  ['bytesValue', 7, 'bytes'],
]);

const resource = message(['attributes', 1, keyValue, 'list']);
const scope = message(
  ['name', 1, 'string'],
  ['version', 2, 'string'],
  ['attributes', 3, keyValue, 'list'],
);

const request = (resourceKey: string, scopeKey: string, [itemKey, item]: [string, JsonMessage]) =>
  message([
    resourceKey,
    1,
    message(
      ['resource', 1, resource],
      [
        scopeKey,
        2,
        message(['scope', 1, scope], [itemKey, 2, item, 'list'], ['schemaUrl', 3, 'string']),
        'list',
      ],
      ['schemaUrl', 3, 'string'],
    ),
    'list',
  ]);

const span = message(
  ['traceId', 1, 'hex'],
  ['spanId', 2, 'hex'],
  ['traceState', 3, 'string'],
  ['parentSpanId', 4, 'hex'],
  ['name', 5, 'string'],
  ['kind', 6, 'enum'],
  ['startTimeUnixNano', 7, 'fixed64'],
  ['endTimeUnixNano', 8, 'fixed64'],
  ['attributes', 9, keyValue, 'list'],
  ['droppedAttributesCount', 10, 'uint32'],
  [
    'events',
    11,
    message(
      ['timeUnixNano', 1, 'fixed64'],
      ['name', 2, 'string'],
      ['attributes', 3, keyValue, 'list'],
      ['droppedAttributesCount', 4, 'uint32'],
    ),
    'list',
  ],
  ['droppedEventsCount', 12, 'uint32'],
  [
    'links',
    13,
    message(
      ['traceId', 1, 'hex'],
      ['spanId', 2, 'hex'],
      ['traceState', 3, 'string'],
      ['attributes', 4, keyValue, 'list'],
      ['droppedAttributesCount', 5, 'uint32'],
      ['flags', 6, 'fixed32'],
    ),
    'list',
  ],
  ['droppedLinksCount', 14, 'uint32'],
  ['status', 15, message(['message', 2, 'string'], ['code', 3, 'enum'])],
  ['flags', 16, 'fixed32'],
);

const exemplar = message(
  ['timeUnixNano', 2, 'fixed64'],
  ['asDouble', 3, 'double'],
  ['spanId', 4, 'hex'],
  ['traceId', 5, 'hex'],
  ['asInt', 6, 'sfixed64'],
  ['filteredAttributes', 7, keyValue, 'list'],
);

const numberPoint = message(
  ['startTimeUnixNano', 2, 'fixed64'],
  ['timeUnixNano', 3, 'fixed64'],
  ['asDouble', 4, 'double'],
  ['exemplars', 5, exemplar, 'list'],
  ['asInt', 6, 'sfixed64'],
  ['attributes', 7, keyValue, 'list'],
  ['flags', 8, 'uint32'],
);

const histogramPoint = message(
  ['startTimeUnixNano', 2, 'fixed64'],
  ['timeUnixNano', 3, 'fixed64'],
  ['count', 4, 'fixed64'],
  ['sum', 5, 'double'],
  ['bucketCounts', 6, 'fixed64', 'list'],
  ['explicitBounds', 7, 'double', 'list'],
  ['exemplars', 8, exemplar, 'list'],
  ['attributes', 9, keyValue, 'list'],
  ['flags', 10, 'uint32'],
  ['min', 11, 'double'],
  ['max', 12, 'double'],
);

const buckets = message(['offset', 1, 'sint32'], ['bucketCounts', 2, 'uint64', 'list']);

const exponentialPoint = message(
  ['attributes', 1, keyValue, 'list'],
  ['startTimeUnixNano', 2, 'fixed64'],
  ['timeUnixNano', 3, 'fixed64'],
  ['count', 4, 'fixed64'],
  ['sum', 5, 'double'],
  ['scale', 6, 'sint32'],
  ['zeroCount', 7, 'fixed64'],
  ['positive', 8, buckets],
  ['negative', 9, buckets],
  ['flags', 10, 'uint32'],
  ['exemplars', 11, exemplar, 'list'],
  ['min', 12, 'double'],
  ['max', 13, 'double'],
  ['zeroThreshold', 14, 'double'],
);

const summaryPoint = message(
  ['startTimeUnixNano', 2, 'fixed64'],
  ['timeUnixNano', 3, 'fixed64'],
  ['count', 4, 'fixed64'],
  ['sum', 5, 'double'],
  ['quantileValues', 6, message(['quantile', 1, 'double'], ['value', 2, 'double']), 'list'],
  ['attributes', 7, keyValue, 'list'],
  ['flags', 8, 'uint32'],
);

const metric = message(
  ['name', 1, 'string'],
  ['description', 2, 'string'],
  ['unit', 3, 'string'],
  ['gauge', 5, message(['dataPoints', 1, numberPoint, 'list'])],
  [
    'sum',
    7,
    message(
      ['dataPoints', 1, numberPoint, 'list'],
      ['aggregationTemporality', 2, 'enum'],
      ['isMonotonic', 3, 'bool'],
    ),
  ],
  [
    'histogram',
    9,
    message(['dataPoints', 1, histogramPoint, 'list'], ['aggregationTemporality', 2, 'enum']),
  ],
  [
    'exponentialHistogram',
    10,
    message(['dataPoints', 1, exponentialPoint, 'list'], ['aggregationTemporality', 2, 'enum']),
  ],
  ['summary', 11, message(['dataPoints', 1, summaryPoint, 'list'])],
);

const logRecord = message(
  ['timeUnixNano', 1, 'fixed64'],
  ['severityNumber', 2, 'enum'],
  ['severityText', 3, 'string'],
  ['body', 5, anyValue],
  ['attributes', 6, keyValue, 'list'],
  ['droppedAttributesCount', 7, 'uint32'],
  ['flags', 8, 'fixed32'],
  ['traceId', 9, 'hex'],
  ['spanId', 10, 'hex'],
  ['observedTimeUnixNano', 11, 'fixed64'],
  ['eventName', 12, 'string'],
);

/** The export requests of the three signals. Source: opentelemetry-proto, `opentelemetry/proto`. */
export const EXPORT_REQUESTS: Readonly<Record<SignalKind, JsonMessage>> = {
  traces: request('resourceSpans', 'scopeSpans', ['spans', span]),
  metrics: request('resourceMetrics', 'scopeMetrics', ['metrics', metric]),
  logs: request('resourceLogs', 'scopeLogs', ['logRecords', logRecord]),
};
