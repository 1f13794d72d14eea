// SPDX-License-Identifier: Apache-2.0
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decompress } from '../../../../src/monitor/otlp/decompress.ts';

const text = Buffer.from('the same sentence again and again. '.repeat(50));
const bytesOf = (body: Uint8Array, encoding: string, limit = 1 << 20): string => {
  const found = decompress(body, encoding, limit);
  return found.kind === 'bytes' ? Buffer.from(found.bytes).toString() : found.kind;
};

describe('decompress', () => {
  it('passes identity through and knows gzip and zstd only', () => {
    expect(bytesOf(text, '')).toBe(text.toString());
    expect(bytesOf(text, 'identity')).toBe(text.toString());
    expect(bytesOf(gzipSync(text), 'gzip')).toBe(text.toString());
    expect(bytesOf(zstdCompressSync(text), 'zstd')).toBe(text.toString());
    for (const encoding of ['deflate', 'snappy', 'br', 'gzip, gzip', 'GZIP']) {
      expect(bytesOf(deflateSync(text), encoding)).toBe('unsupported');
    }
  });

  it('joins all members of gzip and all frames of zstd', () => {
    const halves = [text.subarray(0, 100), text.subarray(100, 100), text.subarray(100)];
    expect(bytesOf(Buffer.concat(halves.map((each) => gzipSync(each))), 'gzip')).toBe(
      text.toString(),
    );
    expect(bytesOf(Buffer.concat(halves.map((each) => zstdCompressSync(each))), 'zstd')).toBe(
      text.toString(),
    );
  });

  it('takes exactly the limit and not one byte more, over all frames', () => {
    const half = Math.floor(text.length / 2);
    const frames = [text.subarray(0, half), text.subarray(half)];
    for (const [body, encoding] of [
      [gzipSync(text), 'gzip'],
      [Buffer.concat(frames.map((each) => gzipSync(each))), 'gzip'],
      [zstdCompressSync(text), 'zstd'],
      [Buffer.concat(frames.map((each) => zstdCompressSync(each))), 'zstd'],
      [Buffer.concat([zstdCompressSync(text), zstdCompressSync(Buffer.alloc(0))]), 'zstd'],
    ] as const) {
      expect(bytesOf(body, encoding, text.length)).toBe(text.toString());
      expect(bytesOf(body, encoding, text.length - 1)).toBe('tooLarge');
    }
    expect(bytesOf(text, '', text.length - 1)).toBe('tooLarge');
  });

  it('refuses bombs', () => {
    const zeros = Buffer.alloc(64 << 20);
    expect(bytesOf(gzipSync(zeros, { level: 9 }), 'gzip')).toBe('tooLarge');
    expect(bytesOf(zstdCompressSync(zeros), 'zstd')).toBe('tooLarge');
    const empty = zstdCompressSync(Buffer.alloc(0));
    const frames = Buffer.concat(Array.from({ length: 20_000 }, () => empty));
    expect(bytesOf(frames, 'zstd')).toBe('invalid');
  });

  it('refuses truncation at every byte, junk, and an empty body', () => {
    const small = Buffer.from('short text');
    for (const [body, encoding] of [
      [gzipSync(small), 'gzip'],
      [zstdCompressSync(small), 'zstd'],
    ] as const) {
      for (let length = 0; length < body.length; length += 1) {
        expect([encoding, length, bytesOf(body.subarray(0, length), encoding)]).toEqual([
          encoding,
          length,
          'invalid',
        ]);
      }
      expect(bytesOf(Buffer.concat([body, Buffer.from('junk')]), encoding)).toBe('invalid');
      expect(bytesOf(Buffer.from('neither of both'), encoding)).toBe('invalid');
    }
  });
});
