// SPDX-License-Identifier: Apache-2.0

/** Bytes that are not a message: truncated, overlong, out of range or nested too deep. */
export class WireError extends Error {
  override readonly name = 'WireError';
  /** Offset in the message at which reading failed. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.offset = offset;
  }
}

/** Deepest nesting of groups that is skipped. */
const MAX_GROUP_DEPTH = 64;
const MAX_FIELD_NUMBER = 536_870_911;
/** The bytes 5 to 10 of a varint carry bits 28 to 63. */
const MAX_VARINT_BYTES = 10;

/**
 * Reads the Protocol Buffers wire format. Every read checks the end of the message that encloses it,
 * so a length can neither leave its message nor allocate anything. 64-bit values are given as two
 * unsigned 32-bit halves in {@link lo} and {@link hi}.
 * Source: protobuf.dev, "Encoding".
 */
export class WireReader {
  pos = 0;
  /** Low half of the value read last. */
  lo = 0;
  /** High half of the value read last. */
  hi = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Starts at the first byte of `bytes`. */
  load(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pos = 0;
  }

  /** Reads a varint of up to 64 bits into {@link lo} and {@link hi}. */
  varint(end: number): void {
    const bytes = this.#bytes;
    let pos = this.pos;
    let low = 0;
    let high = 0;
    for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
      if (pos >= end) throw new WireError('a varint is cut short', this.pos);
      const byte = bytes[pos++]!;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (index * 7);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (index * 7 - 32);
      if (byte < 0x80) {
        this.pos = pos;
        this.lo = low >>> 0;
        this.hi = high >>> 0;
        return;
      }
    }
    throw new WireError('a varint has more than 10 bytes', this.pos);
  }

  /** Reads a tag: field number * 8 + wire type, an unsigned 32-bit number. */
  tag(end: number): number {
    const pos = this.pos;
    if (pos < end) {
      const byte = this.#bytes[pos]!;
      if (byte < 0x80 && byte > 7) {
        this.pos = pos + 1;
        return byte;
      }
    }
    this.varint(end);
    if (this.hi !== 0 || this.lo >>> 3 === 0 || this.lo >>> 3 > MAX_FIELD_NUMBER) {
      throw new WireError('a field number is out of range', pos);
    }
    return this.lo;
  }

  /** Reads the length of a delimited field. @returns the offset of its end, never beyond `end` */
  delimited(end: number): number {
    const start = this.pos;
    if (start < end && this.#bytes[start]! < 0x80) {
      const stop = start + 1 + this.#bytes[start]!;
      if (stop > end) throw new WireError('a length leaves its message', start);
      this.pos = start + 1;
      return stop;
    }
    this.varint(end);
    if (this.hi !== 0 || this.lo > end - this.pos) {
      throw new WireError('a length leaves its message', start);
    }
    return this.pos + this.lo;
  }

  /** Reads an unsigned 32-bit value of four bytes. */
  fixed32(end: number): number {
    if (this.pos + 4 > end) throw new WireError('a fixed32 is cut short', this.pos);
    const value = this.#view.getUint32(this.pos, true);
    this.pos += 4;
    return value;
  }

  /** Reads eight bytes into {@link lo} and {@link hi}. */
  fixed64(end: number): void {
    if (this.pos + 8 > end) throw new WireError('a fixed64 is cut short', this.pos);
    this.lo = this.#view.getUint32(this.pos, true);
    this.hi = this.#view.getUint32(this.pos + 4, true);
    this.pos += 8;
  }

  /** Reads a double. */
  double(end: number): number {
    if (this.pos + 8 > end) throw new WireError('a double is cut short', this.pos);
    const value = this.#view.getFloat64(this.pos, true);
    this.pos += 8;
    return value;
  }

  /** Reads a varint and cuts it to a signed 32-bit number, as protobuf does for int32 and enums. */
  int32(end: number): number {
    this.varint(end);
    return this.lo | 0;
  }

  /** Reads a varint and cuts it to an unsigned 32-bit number. */
  uint32(end: number): number {
    this.varint(end);
    return this.lo;
  }

  /** Reads a zigzag varint of 32 bits. */
  sint32(end: number): number {
    this.varint(end);
    return (this.lo >>> 1) ^ -(this.lo & 1);
  }

  /** Reads a varint as a boolean. */
  bool(end: number): boolean {
    this.varint(end);
    return (this.lo | this.hi) !== 0;
  }

  /** Reads the four bytes at `offset` as one word, first byte highest. The caller checks the range. */
  word(offset: number): number {
    return this.#view.getUint32(offset, false);
  }

  /** Skips the value of an unknown field; groups are skipped with all they hold. */
  skip(tag: number, end: number): void {
    if ((tag & 7) < 3) this.#skipScalar(tag & 7, end);
    else this.#skipGroup(tag, end);
  }

  #skipGroup(tag: number, end: number): void {
    let depth = 0;
    const open = new Uint32Array(tag % 8 === 3 ? MAX_GROUP_DEPTH : 0);
    let current = tag;
    for (;;) {
      const type = current & 7;
      if (type === 3) {
        if (depth === MAX_GROUP_DEPTH) throw new WireError('groups are nested too deep', this.pos);
        open[depth++] = current >>> 3;
      } else if (type === 4) {
        if (depth === 0 || open[--depth] !== current >>> 3) {
          throw new WireError('a group ends that was not begun', this.pos);
        }
      } else this.#skipScalar(type, end);
      if (depth === 0) return;
      current = this.tag(end);
    }
  }

  #skipScalar(type: number, end: number): void {
    if (type === 0) this.varint(end);
    else if (type === 1) this.#advance(8, end);
    else if (type === 2) this.pos = this.delimited(end);
    else if (type === 5) this.#advance(4, end);
    else throw new WireError(`wire type ${type} does not exist`, this.pos);
  }

  #advance(length: number, end: number): void {
    if (this.pos + length > end) throw new WireError('a fixed value is cut short', this.pos);
    this.pos += length;
  }
}
