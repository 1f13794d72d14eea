// SPDX-License-Identifier: Apache-2.0
import { type AttributeTable, type Columns, VALUE } from './columns.ts';
import { WireError, type WireReader } from './wire.ts';

/** Deepest nesting of `AnyValue`. */
const MAX_VALUE_DEPTH = 64;

/** Reads one span, metric or log record that ends at `end` and belongs to a scope row. */
export type ItemReader = (reader: WireReader, columns: Columns, end: number, scope: number) => void;

/**
 * Reads a whole export request; traces, metrics and logs differ only in their items.
 * @throws WireError or RowLimitError; the columns are then unusable
 */
export const readExportRequest = (
  reader: WireReader,
  columns: Columns,
  readItem: ItemReader,
): void => {
  const end = columns.bytes.length;
  reader.load(columns.bytes);
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) readResourceItems(reader, columns, reader.delimited(end), readItem);
    else reader.skip(tag, end);
  }
};

const readResourceItems = (
  reader: WireReader,
  columns: Columns,
  end: number,
  readItem: ItemReader,
): void => {
  const { resources, resourceAttributes } = columns;
  const row = resources.add();
  resources.firstAttribute[row] = resourceAttributes.rows;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) {
      const stop = reader.delimited(end);
      while (reader.pos < stop) {
        const inner = reader.tag(stop);
        if (inner === 10) {
          readKeyValue(reader, columns, resourceAttributes, reader.delimited(stop));
        } else reader.skip(inner, stop);
      }
    } else if (tag === 18) {
      readScopeItems(reader, columns, { end: reader.delimited(end), resource: row, readItem });
    } else if (tag === 26) {
      const stop = reader.delimited(end);
      resources.schemaUrlOffset[row] = reader.pos;
      resources.schemaUrlLength[row] = stop - reader.pos;
      reader.pos = stop;
    } else reader.skip(tag, end);
  }
  resources.attributeCount[row] = resourceAttributes.rows - resources.firstAttribute[row]!;
};

const readScopeItems = (
  reader: WireReader,
  columns: Columns,
  place: { end: number; resource: number; readItem: ItemReader },
): void => {
  const { scopes, scopeAttributes } = columns;
  const { end } = place;
  const row = scopes.add();
  scopes.resource[row] = place.resource;
  scopes.firstAttribute[row] = scopeAttributes.rows;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) readScope(reader, columns, reader.delimited(end), row);
    else if (tag === 18) place.readItem(reader, columns, reader.delimited(end), row);
    else if (tag === 26) {
      const stop = reader.delimited(end);
      scopes.schemaUrlOffset[row] = reader.pos;
      scopes.schemaUrlLength[row] = stop - reader.pos;
      reader.pos = stop;
    } else reader.skip(tag, end);
  }
  scopes.attributeCount[row] = scopeAttributes.rows - scopes.firstAttribute[row]!;
};

const readScope = (reader: WireReader, columns: Columns, end: number, row: number): void => {
  const { scopes } = columns;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case 10: {
        const stop = reader.delimited(end);
        scopes.nameOffset[row] = reader.pos;
        scopes.nameLength[row] = stop - reader.pos;
        reader.pos = stop;
        break;
      }
      case 18: {
        const stop = reader.delimited(end);
        scopes.versionOffset[row] = reader.pos;
        scopes.versionLength[row] = stop - reader.pos;
        reader.pos = stop;
        break;
      }
      case 26:
        readKeyValue(reader, columns, columns.scopeAttributes, reader.delimited(end));
        break;
      default:
        reader.skip(tag, end);
    }
  }
};

/** Reads one `KeyValue` that ends at `end` into a new row of `table`. */
export const readKeyValue = (
  reader: WireReader,
  columns: Columns,
  table: AttributeTable,
  end: number,
): void => {
  const row = table.add();
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case 10: {
        const stop = reader.delimited(end);
        table.keyOffset[row] = reader.pos;
        table.keyLength[row] = stop - reader.pos;
        reader.pos = stop;
        break;
      }
      case 18:
        readAnyValue(reader, columns, { table, row, end: reader.delimited(end) });
        break;
      case 24:
        reader.varint(end);
        columns.stringIndexes += 1;
        break;
      default:
        reader.skip(tag, end);
    }
  }
};

/** Reads (a part of) an `AnyValue` into a row; a second part merges with the first. */
export const readAnyValue = (
  reader: WireReader,
  columns: Columns,
  place: { table: AttributeTable; row: number; end: number },
): void => {
  const { table, row, end } = place;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case 10:
      case 58: {
        const stop = reader.delimited(end);
        table.kind[row] = tag >>> 3;
        table.offset[row] = reader.pos;
        table.length[row] = stop - reader.pos;
        reader.pos = stop;
        break;
      }
      case 16:
        table.number[row] = reader.bool(end) ? 1 : 0;
        table.kind[row] = VALUE.bool;
        break;
      case 24:
        reader.varint(end);
        table.intLo[row] = reader.lo;
        table.intHi[row] = reader.hi;
        table.kind[row] = VALUE.int;
        break;
      case 33:
        table.number[row] = reader.double(end);
        table.kind[row] = VALUE.double;
        break;
      case 42:
      case 50:
        readNested(reader, columns, { table, row, end: reader.delimited(end), kind: tag >>> 3 });
        break;
      default:
        skipValueField(reader, columns, tag, end);
    }
  }
};

/** Keeps a nested list encoded, after a look at every byte of it. */
const readNested = (
  reader: WireReader,
  columns: Columns,
  place: { table: AttributeTable; row: number; end: number; kind: number },
): void => {
  const { table, row, end, kind } = place;
  const start = reader.pos;
  if (kind === VALUE.array) checkArray(reader, columns, end, 1);
  else checkKeyValueList(reader, columns, end, 1);
  const length = end - start;
  if (table.kind[row] === kind && table.length[row]! > 0) {
    const first = columns.slice(table.offset[row]!, table.length[row]!);
    table.offset[row] = columns.join(first, columns.bytes.subarray(start, end));
    table.length[row] = first.length + length;
    return;
  }
  table.kind[row] = kind;
  table.offset[row] = start;
  table.length[row] = length;
};

const skipValueField = (reader: WireReader, columns: Columns, tag: number, end: number): void => {
  if (tag === 64) {
    reader.varint(end);
    columns.stringIndexes += 1;
  } else reader.skip(tag, end);
};

const checkArray = (reader: WireReader, columns: Columns, end: number, depth: number): void => {
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) checkValue(reader, columns, reader.delimited(end), depth);
    else reader.skip(tag, end);
  }
};

const checkKeyValueList = (
  reader: WireReader,
  columns: Columns,
  end: number,
  depth: number,
): void => {
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag !== 10) {
      reader.skip(tag, end);
      continue;
    }
    const stop = reader.delimited(end);
    while (reader.pos < stop) {
      const inner = reader.tag(stop);
      if (inner === 10) reader.pos = reader.delimited(stop);
      else if (inner === 18) checkValue(reader, columns, reader.delimited(stop), depth);
      else reader.skip(inner, stop);
    }
  }
};

const checkValue = (reader: WireReader, columns: Columns, end: number, depth: number): void => {
  if (depth >= MAX_VALUE_DEPTH) {
    throw new WireError(`values are nested deeper than ${MAX_VALUE_DEPTH}`, reader.pos);
  }
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10 || tag === 58) reader.pos = reader.delimited(end);
    else if (tag === 42) checkArray(reader, columns, reader.delimited(end), depth + 1);
    else if (tag === 50) checkKeyValueList(reader, columns, reader.delimited(end), depth + 1);
    else skipValueField(reader, columns, tag, end);
  }
};

/**
 * Reads an id of `words` 32-bit words into `target` at `row`. An id of another length leaves the
 * words zero.
 * @returns its length, at most 255
 */
export const readId = (
  reader: WireReader,
  end: number,
  place: { target: Uint32Array; row: number; words: number },
): number => {
  const { target, row, words } = place;
  const stop = reader.delimited(end);
  const length = stop - reader.pos;
  for (let word = 0; word < words; word += 1) {
    target[row * words + word] = length === words * 4 ? reader.word(reader.pos + word * 4) : 0;
  }
  reader.pos = stop;
  return Math.min(length, 255);
};
