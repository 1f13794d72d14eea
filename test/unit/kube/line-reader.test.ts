// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineReader, LineTooLongError } from '../../../src/kube/line-reader.ts';

/** Cuts bytes at the given places. */
function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const chunks: Buffer[] = [];
  let start = 0;
  for (const place of [...places, bytes.length]) {
    chunks.push(bytes.subarray(start, place));
    start = place;
  }
  return chunks;
}

describe('LineReader', () => {
  it('gives the same lines however the bytes are cut, also inside characters', () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat()), (texts, cuts) => {
        const lines = texts.map((text) => JSON.stringify(text));
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const reader = new LineReader();
        expect(chunksOf(bytes, cuts).flatMap((chunk) => reader.push(chunk))).toEqual(lines);
        expect(reader.hasPartialLine).toBe(false);
      }),
    );
  });

  it('knows that it holds an unfinished line', () => {
    const reader = new LineReader();
    expect(reader.push(Buffer.from('{"a":1}\n{"b"'))).toEqual(['{"a":1}']);
    expect(reader.hasPartialLine).toBe(true);
  });

  it('refuses a line that is longer than its bound, whole or in parts', () => {
    expect(() => new LineReader(4).push(Buffer.from('12345\n'))).toThrow(LineTooLongError);
    const reader = new LineReader(4);
    reader.push(Buffer.from('1234'));
    expect(() => reader.push(Buffer.from('5'))).toThrow(LineTooLongError);
    expect(new LineReader(4).push(Buffer.from('1234\n5678\n'))).toEqual(['1234', '5678']);
  });
});
