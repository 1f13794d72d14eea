// SPDX-License-Identifier: Apache-2.0
import type { JsonField, JsonMessage, ScalarKind } from './json-schema.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/** A body that is not OTLP/JSON. */
export class JsonError extends Error {
  override readonly name = 'JsonError';

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
  }
}

/** Deepest nesting of JSON values: 64 nested `AnyValue` of four levels each, and what is around them. */
const MAX_DEPTH = 300;
const INTEGER = /^-?[0-9]+$/;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const HEX = /^(?:[0-9A-Fa-f]{2})*$/;
const SPECIAL_DOUBLES: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};
const INT_RANGE: Partial<Record<ScalarKind, readonly [bigint, bigint]>> = {
  enum: [-(2n ** 31n), 2n ** 31n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

/**
 * Turns OTLP/JSON into the protobuf message of the same meaning, byte by byte: no object tree is
 * built, no number goes through a double that should not, and there is one meaning for both forms
 * because one decoder reads them. Rules beyond proto3 JSON are those of OTLP: ids are hex, enums are
 * integers, keys are lowerCamelCase. A known key twice in one object is refused.
 * Source: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding".
 */
export class JsonTranscoder {
  readonly #input: Uint8Array;
  readonly #text: Buffer;
  readonly #out: ProtobufWriter;
  #pos = 0;
  #depth = 0;

  constructor(input: Uint8Array, limitBytes: number) {
    this.#input = input;
    this.#text = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
    this.#out = new ProtobufWriter(Math.min(limitBytes, Math.max(256, input.length)), limitBytes);
  }

  /**
   * Transcodes the whole input.
   * @throws JsonError when it is not what the schema says; OutputLimitError beyond the limit
   */
  transcode(schema: JsonMessage): Uint8Array {
    this.#space();
    if (this.#peek() !== 0x7b) this.#fail('the request must be a JSON object');
    this.#object(schema);
    this.#space();
    if (this.#pos < this.#input.length) this.#fail('there is something after the JSON object');
    return this.#out.bytes();
  }

  #fail(message: string): never {
    throw new JsonError(message, this.#pos);
  }

  #peek(): number {
    return this.#pos < this.#input.length ? this.#input[this.#pos]! : -1;
  }

  #space(): void {
    for (;;) {
      const byte = this.#peek();
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#pos += 1;
    }
  }

  #expect(byte: number): void {
    this.#space();
    if (this.#peek() !== byte) this.#fail(`the JSON must have ${String.fromCharCode(byte)}`);
    this.#pos += 1;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail(`the JSON is nested deeper than ${MAX_DEPTH}`);
    this.#pos += 1;
    this.#space();
  }

  /** After an element: true when another one follows. */
  #more(close: number): boolean {
    this.#space();
    const byte = this.#peek();
    this.#pos += 1;
    if (byte === 0x2c) {
      this.#space();
      return true;
    }
    if (byte !== close) {
      this.#pos -= 1;
      this.#fail('the JSON must have , or the end of the list');
    }
    this.#depth -= 1;
    return false;
  }

  #isEmpty(close: number): boolean {
    if (this.#peek() !== close) return false;
    this.#pos += 1;
    this.#depth -= 1;
    return true;
  }

  #object(schema: JsonMessage): void {
    this.#enter();
    if (this.#isEmpty(0x7d)) return;
    let seen = 0;
    do {
      const key = this.#string('a key');
      const field = schema.get(key);
      this.#expect(0x3a);
      this.#space();
      if (field === undefined) {
        this.#skip();
        continue;
      }
      if ((seen & field.bit) !== 0) this.#fail(`the key ${key} comes twice in one object`);
      seen |= field.bit;
      if (this.#peek() === 0x6e) this.#literal('null');
      else if (field.isRepeated) this.#list(key, field);
      else this.#field(key, field);
    } while (this.#more(0x7d));
  }

  #list(key: string, field: JsonField): void {
    if (this.#peek() !== 0x5b) this.#fail(`\`${key}\` must be an array`);
    this.#enter();
    if (this.#isEmpty(0x5d)) return;
    const packed = typeof field.kind === 'string' ? this.#out.begin(field.number) : -1;
    do {
      if (packed === -1) this.#field(key, field);
      else this.#scalar(key, field.kind as ScalarKind, 0);
    } while (this.#more(0x5d));
    if (packed !== -1) this.#out.finish(packed);
  }

  #field(key: string, field: JsonField): void {
    if (typeof field.kind === 'string') {
      this.#scalar(key, field.kind, field.number);
      return;
    }
    if (this.#peek() !== 0x7b) this.#fail(`\`${key}\` must be an object`);
    const mark = this.#out.begin(field.number);
    this.#object(field.kind);
    this.#out.finish(mark);
  }

  /** Writes one value, with its tag unless `number` is 0 (an element of a packed list). */
  #scalar(key: string, kind: ScalarKind, number: number): void {
    switch (kind) {
      case 'string':
        this.#stringField(key, number);
        break;
      case 'bytes':
        this.#out.delimited(number, this.#base64(key));
        break;
      case 'hex':
        this.#out.delimited(number, this.#hex(key));
        break;
      case 'bool':
        this.#out.bool(number, this.#bool(key));
        break;
      case 'double':
        this.#out.double(number, this.#double(key));
        break;
      default:
        this.#out.integer(number, kind, this.#integer(key, kind));
    }
  }

  /** Copies a string without making one, unless it has an escape. */
  #stringField(key: string, number: number): void {
    if (this.#peek() !== 0x22) this.#fail(`\`${key}\` must be a string`);
    const start = this.#pos + 1;
    const plain = this.#plainEnd(start);
    if (this.#input[plain] === 0x22) {
      this.#out.delimited(number, this.#input.subarray(start, plain));
      this.#pos = plain + 1;
    } else this.#out.delimited(number, Buffer.from(this.#string(`\`${key}\``), 'utf8'));
  }

  /** Finds the first quote, backslash or control character from `from` on. */
  #plainEnd(from: number): number {
    const input = this.#input;
    let pos = from;
    while (pos < input.length) {
      const byte = input[pos]!;
      if (byte === 0x22 || byte === 0x5c || byte < 0x20) return pos;
      pos += 1;
    }
    this.#pos = pos;
    return this.#fail('a string is not closed');
  }

  /** Reads a string; invalid UTF-8 becomes U+FFFD. */
  #string(what: string): string {
    if (this.#peek() !== 0x22) this.#fail(`${what} must be a string`);
    const start = this.#pos + 1;
    let pos = this.#plainEnd(start);
    let isPlain = true;
    while (this.#input[pos] !== 0x22) {
      if (this.#input[pos] !== 0x5c) {
        this.#pos = pos;
        this.#fail('a string has a control character');
      }
      isPlain = false;
      pos = this.#plainEnd(Math.min(pos + 2, this.#input.length));
    }
    this.#pos = pos + 1;
    if (isPlain) return this.#text.toString('utf8', start, pos);
    try {
      return JSON.parse(this.#text.toString('utf8', start - 1, pos + 1)) as string;
    } catch {
      return this.#fail('a string has a bad escape');
    }
  }

  #literal(word: string): void {
    const end = this.#pos + word.length;
    if (this.#text.toString('latin1', this.#pos, end) !== word)
      this.#fail('there is no JSON value');
    this.#pos = end;
  }

  /** Reads the characters of a number, checked against the grammar of JSON. */
  #numberToken(what: string): string {
    const start = this.#pos;
    for (;;) {
      const byte = this.#peek();
      const isPart =
        (byte >= 0x30 && byte <= 0x39) ||
        byte === 0x2d ||
        byte === 0x2b ||
        byte === 0x2e ||
        (byte | 0x20) === 0x65;
      if (!isPart || byte === -1) break;
      this.#pos += 1;
    }
    const token = this.#text.toString('latin1', start, this.#pos);
    if (!NUMBER.test(token)) {
      this.#pos = start;
      this.#fail(what);
    }
    return token;
  }

  #bool(key: string): boolean {
    if (this.#peek() === 0x74) {
      this.#literal('true');
      return true;
    }
    if (this.#peek() !== 0x66) this.#fail(`\`${key}\` must be true or false`);
    this.#literal('false');
    return false;
  }

  #double(key: string): number {
    const rule = `\`${key}\` must be a number, "NaN", "Infinity" or "-Infinity"`;
    if (this.#peek() !== 0x22) return this.#finite(this.#numberToken(rule), rule);
    const text = this.#string(key);
    const special = Object.hasOwn(SPECIAL_DOUBLES, text) ? SPECIAL_DOUBLES[text] : undefined;
    if (special !== undefined) return special;
    if (!NUMBER.test(text)) this.#fail(rule);
    return this.#finite(text, rule);
  }

  /** A number such as 1e999 is no double. */
  #finite(token: string, rule: string): number {
    const value = Number(token);
    if (!Number.isFinite(value)) this.#fail(rule);
    return value;
  }

  #integer(key: string, kind: ScalarKind): bigint {
    const [min, max] = INT_RANGE[kind]!;
    const rule = `\`${key}\` must be an integer from ${min} to ${max}`;
    const isQuoted = this.#peek() === 0x22;
    if (isQuoted && kind === 'enum') this.#fail(`\`${key}\` must be the integer of the enum`);
    const token = isQuoted ? this.#string(key) : this.#numberToken(rule);
    if (token.length > 40 || !(INTEGER.test(token) || NUMBER.test(token))) this.#fail(rule);
    let value: bigint;
    if (INTEGER.test(token)) value = BigInt(token);
    else {
      const number = Number(token);
      if (!Number.isSafeInteger(number)) this.#fail(rule);
      value = BigInt(number);
    }
    if (value < min || value > max) this.#fail(rule);
    return value;
  }

  #hex(key: string): Uint8Array {
    const text = this.#string(`\`${key}\``);
    if (!HEX.test(text)) this.#fail(`\`${key}\` must be hex digits in pairs`);
    return Buffer.from(text, 'hex');
  }

  #base64(key: string): Uint8Array {
    const text = this.#string(`\`${key}\``);
    // Not by a regular expression: a run of = that is not at the end would cost its square.
    let digits = text.length;
    while (digits > 0 && text[digits - 1] === '=') digits -= 1;
    const isPadded = digits === text.length || text.length % 4 === 0;
    if (!BASE64.test(text) || digits % 4 === 1 || !isPadded) {
      this.#fail(`\`${key}\` must be base64`);
    }
    return Buffer.from(text, 'base64');
  }

  /** Reads over any value, of an unknown key. */
  #skip(): void {
    const byte = this.#peek();
    if (byte === 0x22) this.#string('a value');
    else if (byte === 0x7b || byte === 0x5b) this.#skipNested(byte === 0x7b);
    else if (byte === 0x74) this.#literal('true');
    else if (byte === 0x66) this.#literal('false');
    else if (byte === 0x6e) this.#literal('null');
    else this.#numberToken('there is no JSON value');
  }

  #skipNested(isObject: boolean): void {
    const close = isObject ? 0x7d : 0x5d;
    this.#enter();
    if (this.#isEmpty(close)) return;
    do {
      if (isObject) {
        this.#string('a key');
        this.#expect(0x3a);
        this.#space();
      }
      this.#skip();
    } while (this.#more(close));
  }
}
