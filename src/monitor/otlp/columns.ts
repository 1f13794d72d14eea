// SPDX-License-Identifier: Apache-2.0
/**
 * What one OTLP request says, as arrays of columns.
 *
 * A text or a byte string is a pair of columns, offset and length, into {@link Columns.bytes}; it
 * becomes a JavaScript string only through {@link Columns.text}. A 64-bit number is a pair `Lo`,
 * `Hi` of unsigned halves. A list (attributes, buckets) is a range: first row and count in another
 * table. A row names its parent by row number. Everything is reused by the next decode.
 *
 * Example: span `i` has the name `text(spans.nameOffset[i], spans.nameLength[i])` and the attributes
 * `spans.firstAttribute[i]` up to `+ spans.attributeCount[i]` of {@link Columns.attributes}.
 */
import type { SignalKind } from '../../domain/telemetry.ts';
import { LogTable } from './log-columns.ts';
import {
  BoundTable,
  CountTable,
  ExemplarTable,
  MetricTable,
  PointTable,
  QuantileTable,
} from './metric-columns.ts';
import { EventTable, LinkTable, SpanTable } from './span-columns.ts';
import { float64, RowLimitError, RowMemory, Table, uint8, uint32 } from './table.ts';

/** Spans, points or log records in one request. */
const MAX_ITEMS = 262_144;
/** Resources, and scopes: each costs far more than a point. */
const MAX_SENDERS = 65_536;
/** Bytes of all rows together: twice a full body of usual spans. */
export const MAX_ROW_BYTES = 128 * 2 ** 20;
/** Values sent in parts: legal, and no sender does it. */
const MAX_SPLIT_BYTES = 2 ** 20;
/** More is given back at once: a second large request may be far away. */
const KEPT_ROW_BYTES = 16 * 2 ** 20;
/** Attributes of items in one request: 64 MiB of usual spans have about 1.5 M. */
const MAX_ATTRIBUTES = 2_097_152;
/** Attributes of events, links and exemplars. */
const MAX_DETAIL_ATTRIBUTES = 1_048_576;
/** Attributes of resources, and of scopes. */
const MAX_SENDER_ATTRIBUTES = 524_288;
const MAX_BUCKETS = 4_194_304;
/** No sender writes a metric of two kinds; each change costs far more than its two bytes. */
const MAX_KIND_CHANGES = 1_024;
const EMPTY = new Uint8Array(0);

/** The member of `AnyValue` that is set; the numbers are its field numbers, 0 is none. */
export const VALUE = {
  none: 0,
  string: 1,
  bool: 2,
  int: 3,
  double: 4,
  array: 5,
  kvlist: 6,
  bytes: 7,
} as const;

/** Key and value of attributes; a log body is a row without a key. */
export class AttributeTable extends Table {
  keyOffset = uint32();
  keyLength = uint32();
  /** One of {@link VALUE}. */
  kind = uint8();
  /** Content of a string, bytes, array or kvlist value; the latter two still encoded. */
  offset = uint32();
  length = uint32();
  /** A double; 0 or 1 of a bool. */
  number = float64();
  /** Two's complement of an int. */
  intLo = uint32();
  intHi = uint32();
}

/** The senders. */
class ResourceTable extends Table {
  firstAttribute = uint32();
  attributeCount = uint32();
  schemaUrlOffset = uint32();
  schemaUrlLength = uint32();
}

/** The instrumentation scopes. */
class ScopeTable extends Table {
  resource = uint32();
  nameOffset = uint32();
  nameLength = uint32();
  versionOffset = uint32();
  versionLength = uint32();
  firstAttribute = uint32();
  attributeCount = uint32();
  schemaUrlOffset = uint32();
  schemaUrlLength = uint32();
}

/** All tables of one request. */
export class Columns {
  signal: SignalKind = 'metrics';
  /** The decompressed protobuf message that offsets below its length point into. */
  bytes: Uint8Array = EMPTY;
  /** Fields that belong to profiles only (string table indexes), met and treated as absent. */
  stringIndexes = 0;
  /** Metrics whose kind was changed by a later member of the oneof; see {@link MAX_KIND_CHANGES}. */
  #kindChanges = 0;
  readonly #memory = new RowMemory(MAX_ROW_BYTES);
  readonly resources = new ResourceTable(MAX_SENDERS, 'resources', this.#memory);
  readonly scopes = new ScopeTable(MAX_SENDERS, 'scopes', this.#memory);
  readonly resourceAttributes = new AttributeTable(
    MAX_SENDER_ATTRIBUTES,
    'resource attributes',
    this.#memory,
  );
  readonly scopeAttributes = new AttributeTable(
    MAX_SENDER_ATTRIBUTES,
    'scope attributes',
    this.#memory,
  );
  /** Attributes of spans, points and log records. */
  readonly attributes = new AttributeTable(MAX_ATTRIBUTES, 'attributes', this.#memory);
  /** Attributes of events, links and exemplars. */
  readonly detailAttributes = new AttributeTable(
    MAX_DETAIL_ATTRIBUTES,
    'attributes of details',
    this.#memory,
  );
  readonly metrics = new MetricTable(MAX_ITEMS, 'metrics', this.#memory);
  readonly points = new PointTable(MAX_ITEMS, 'data points', this.#memory);
  /** Counts of explicit buckets, and of the positive side of exponential histograms. */
  readonly bucketCounts = new CountTable(MAX_BUCKETS, 'buckets', this.#memory);
  readonly negativeCounts = new CountTable(MAX_BUCKETS, 'buckets', this.#memory);
  readonly bounds = new BoundTable(MAX_BUCKETS, 'bucket bounds', this.#memory);
  readonly quantiles = new QuantileTable(MAX_ITEMS, 'quantiles', this.#memory);
  readonly exemplars = new ExemplarTable(MAX_ITEMS, 'exemplars', this.#memory);
  readonly spans = new SpanTable(MAX_ITEMS, 'spans', this.#memory);
  readonly events = new EventTable(MAX_ITEMS, 'events', this.#memory);
  readonly links = new LinkTable(MAX_ITEMS, 'links', this.#memory);
  readonly logs = new LogTable(MAX_ITEMS, 'log records', this.#memory);
  readonly bodies = new AttributeTable(MAX_ITEMS, 'log bodies', this.#memory);
  #scratch: Uint8Array = EMPTY;
  #scratchUsed = 0;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

  /** Empties everything for the next request. */
  reset(signal: SignalKind): void {
    this.signal = signal;
    this.bytes = EMPTY;
    this.stringIndexes = 0;
    this.#kindChanges = 0;
    this.#scratch = EMPTY;
    this.#scratchUsed = 0;
    for (const table of Object.values(this)) if (table instanceof Table) table.reset();
    if (this.#memory.bytes <= KEPT_ROW_BYTES) return;
    for (const table of Object.values(this)) if (table instanceof Table) table.release();
  }

  /** Counts a change of a metric's kind, which drops what was read of it. @throws {@link RowLimitError} */
  countKindChange(): void {
    this.#kindChanges += 1;
    if (this.#kindChanges > MAX_KIND_CHANGES) {
      throw new RowLimitError(MAX_KIND_CHANGES, 'metrics of more than one kind');
    }
  }

  /** Spans, data points or log records in the request. */
  get items(): number {
    if (this.signal === 'traces') return this.spans.rows;
    return this.signal === 'metrics' ? this.points.rows : this.logs.rows;
  }

  /** Gives the bytes at an offset; a view, not a copy. */
  slice(offset: number, length: number): Uint8Array {
    const inScratch = offset - this.bytes.length;
    return inScratch < 0
      ? this.bytes.subarray(offset, offset + length)
      : this.#scratch.subarray(inScratch, inScratch + length);
  }

  /** Gives the text at an offset; invalid UTF-8 shows as U+FFFD. */
  text(offset: number, length: number): string {
    return length === 0 ? '' : this.#utf8.decode(this.slice(offset, length));
  }

  /**
   * Joins two pieces that are not neighbours on the wire (a value sent in two parts).
   * @returns the offset of the joined bytes
   */
  join(first: Uint8Array, second: Uint8Array): number {
    const used = this.#scratchUsed + first.length + second.length;
    const limit = Math.min(this.bytes.length, MAX_SPLIT_BYTES);
    if (used > limit) throw new RowLimitError(limit, 'bytes of split values');
    if (used > this.#scratch.length) {
      const grown = new Uint8Array(Math.min(limit, 2 * used));
      grown.set(this.#scratch.subarray(0, this.#scratchUsed));
      this.#scratch = grown;
    }
    const offset = this.bytes.length + this.#scratchUsed;
    this.#scratch.set(first, this.#scratchUsed);
    this.#scratch.set(second, this.#scratchUsed + first.length);
    this.#scratchUsed = used;
    return offset;
  }
}
