// SPDX-License-Identifier: Apache-2.0
import type { ScalarKind } from './json-schema.ts';

/** More would be written than the limit allows. */
export class OutputLimitError extends Error {
  override readonly name = 'OutputLimitError';

  constructor(limitBytes: number) {
    super(`the message must have at most ${limitBytes} bytes`);
  }
}

/** A length is patched in after its content, so it has always this many bytes. */
const LENGTH_BYTES = 5;

/** Writes the Protocol Buffers wire format into one growing array, up to a limit. */
export class ProtobufWriter {
  readonly #limit: number;
  #buffer: Uint8Array;
  #view: DataView;
  #used = 0;

  constructor(initialBytes: number, limitBytes: number) {
    this.#limit = limitBytes;
    this.#buffer = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Gives what was written; a view that a later write may move away from. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#used);
  }

  #room(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed > this.#limit) throw new OutputLimitError(this.#limit);
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.#buffer.length * 2)));
    grown.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** Writes an unsigned varint below 2^32. */
  #varint32(value: number): void {
    this.#room(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#used++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#used++] = rest;
  }

  #varint64(value: bigint): void {
    this.#room(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#buffer[this.#used++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#used++] = Number(rest);
  }

  #tag(number: number, wireType: number): void {
    if (number !== 0) this.#varint32(number * 8 + wireType);
  }

  /** Begins a delimited field. @returns what {@link finish} wants */
  begin(number: number): number {
    this.#tag(number, 2);
    this.#room(LENGTH_BYTES);
    this.#used += LENGTH_BYTES;
    return this.#used;
  }

  /** Ends the field that began at `mark`. */
  finish(mark: number): void {
    let length = this.#used - mark;
    for (let index = LENGTH_BYTES; index > 1; index -= 1) {
      this.#buffer[mark - index] = (length & 0x7f) | 0x80;
      length >>>= 7;
    }
    this.#buffer[mark - 1] = length;
  }

  /** Writes a delimited field. */
  delimited(number: number, content: Uint8Array): void {
    this.#tag(number, 2);
    this.#varint32(content.length);
    this.#room(content.length);
    this.#buffer.set(content, this.#used);
    this.#used += content.length;
  }

  /** Writes a bool; number 0 leaves the tag out, here and below. */
  bool(number: number, value: boolean): void {
    this.#tag(number, 0);
    this.#varint32(value ? 1 : 0);
  }

  /** Writes a double. */
  double(number: number, value: number): void {
    this.#tag(number, 1);
    this.#room(8);
    this.#view.setFloat64(this.#used, value, true);
    this.#used += 8;
  }

  /** Writes an integer in the form of its kind; the caller checks the range. */
  integer(number: number, kind: ScalarKind, value: bigint): void {
    if (kind === 'fixed64' || kind === 'sfixed64') {
      this.#tag(number, 1);
      this.#room(8);
      this.#view.setBigUint64(this.#used, BigInt.asUintN(64, value), true);
      this.#used += 8;
    } else if (kind === 'fixed32') {
      this.#tag(number, 5);
      this.#room(4);
      this.#view.setUint32(this.#used, Number(value), true);
      this.#used += 4;
    } else {
      this.#tag(number, 0);
      this.#varint64(kind === 'sint32' ? (value >= 0n ? value * 2n : -value * 2n - 1n) : value);
    }
  }
}
