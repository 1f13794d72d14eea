// SPDX-License-Identifier: Apache-2.0

/** A request has more rows of one kind than the receiver takes; it is refused as too large. */
export class RowLimitError extends Error {
  override readonly name = 'RowLimitError';

  constructor(maxRows: number, noun: string) {
    super(`a request must have at most ${maxRows} ${noun}`);
  }
}

/** Bounds the bytes of several tables together: the caps of all of them added up would be too much. */
export class RowMemory {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that the tables hold beyond their initial rows. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes that a table grows or shrinks. @throws {@link RowLimitError}; nothing changes then */
  resize(byBytes: number): void {
    if (this.#bytes + byBytes > this.#maxBytes) {
      throw new RowLimitError(this.#maxBytes, 'bytes of rows');
    }
    this.#bytes += byBytes;
  }
}

const INITIAL_ROWS = 256;
/** After so many batches a table that is four times too large for all of them gives memory back. */
const PATIENCE = 32;

type Column = Uint8Array | Int32Array | Uint32Array | Float64Array;
type ColumnConstructor = new (length: number) => Column;

/**
 * A struct of arrays that grows by doubling up to a cap. A subclass declares typed arrays as fields,
 * each with a whole number of elements per row at {@link Table.initialRows} rows. Cells of rows that
 * do not exist are zero, so a fresh row is all zero.
 */
export class Table {
  static readonly initialRows = INITIAL_ROWS;
  rows = 0;
  /** The largest number of rows; {@link add} throws beyond it. */
  readonly maxRows: number;
  /** What a row is, in the plural, for the message of the error. */
  readonly noun: string;
  readonly #memory: RowMemory | undefined;
  #capacity = INITIAL_ROWS;
  #batches = 0;
  #peak = 0;

  /** @param memory the bytes that it shares with other tables; without it only the rows are bounded */
  constructor(maxRows: number, noun: string, memory?: RowMemory) {
    this.maxRows = maxRows;
    this.noun = noun;
    this.#memory = memory;
  }

  /** Rows that fit before the next growth. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Adds a zero row. @returns its index. @throws {@link RowLimitError} */
  add(): number {
    if (this.rows === this.#capacity) this.#grow();
    const row = this.rows;
    if (row >= this.maxRows) throw new RowLimitError(this.maxRows, this.noun);
    this.rows = row + 1;
    return row;
  }

  /** Drops the rows from `rows` on. */
  truncate(rows: number): void {
    if (rows === this.rows) return;
    for (const column of this.#columns()) {
      const stride = column[1].length / this.#capacity;
      column[1].fill(0, rows * stride, this.rows * stride);
    }
    this.rows = rows;
  }

  /** Drops all rows, and from time to time memory that the last batches did not need. */
  reset(): void {
    this.#peak = Math.max(this.#peak, this.rows);
    this.#batches += 1;
    this.truncate(0);
    if (this.#batches < PATIENCE) return;
    let needed = INITIAL_ROWS;
    while (needed < 2 * this.#peak) needed *= 2;
    if (needed * 2 < this.#capacity) this.#resize(needed);
    this.#batches = 0;
    this.#peak = 0;
  }

  /** Gives the memory of an empty table back. */
  release(): void {
    if (this.rows === 0 && this.#capacity > INITIAL_ROWS) this.#resize(INITIAL_ROWS);
  }

  #grow(): void {
    if (this.rows >= this.maxRows) throw new RowLimitError(this.maxRows, this.noun);
    this.#resize(this.#capacity * 2);
  }

  #columns(): [string, Column][] {
    return Object.entries(this).filter((entry): entry is [string, Column] =>
      ArrayBuffer.isView(entry[1]),
    );
  }

  #resize(capacity: number): void {
    const fields = this as unknown as Record<string, Column>;
    const rowBytes = this.#columns().reduce((sum, [, { byteLength }]) => sum + byteLength, 0);
    this.#memory?.resize((rowBytes / this.#capacity) * (capacity - this.#capacity));
    for (const [name, column] of this.#columns()) {
      const stride = column.length / this.#capacity;
      const next = new (column.constructor as ColumnConstructor)(capacity * stride);
      next.set(column.subarray(0, this.rows * stride));
      fields[name] = next;
    }
    this.#capacity = capacity;
  }
}

/** Makes a column of bytes for a new {@link Table}. */
export const uint8 = (perRow = 1): Uint8Array => new Uint8Array(INITIAL_ROWS * perRow);
/** Makes a column of signed 32-bit numbers for a new {@link Table}. */
export const int32 = (perRow = 1): Int32Array => new Int32Array(INITIAL_ROWS * perRow);
/** Makes a column of unsigned 32-bit numbers for a new {@link Table}. */
export const uint32 = (perRow = 1): Uint32Array => new Uint32Array(INITIAL_ROWS * perRow);
/** Makes a column of doubles for a new {@link Table}. */
export const float64 = (perRow = 1): Float64Array => new Float64Array(INITIAL_ROWS * perRow);
