// SPDX-License-Identifier: Apache-2.0
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

/** What became of a body. */
export type Decompressed =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'invalid'; readonly message: string }
  | { readonly kind: 'tooLarge' }
  | { readonly kind: 'unsupported' };

/** The content codings that are taken, as `grpc-accept-encoding` lists them. */
export const ACCEPTED_ENCODINGS = ['identity', 'gzip', 'zstd'] as const;

/** Tells whether a content coding is taken; the empty one is identity. */
export const isAcceptedEncoding = (encoding: string): boolean =>
  encoding === '' || (ACCEPTED_ENCODINGS as readonly string[]).includes(encoding);

/** A frame must consume bytes, and a body of minimal frames costs time for each: a cap on both. */
const MAX_ZSTD_FRAMES = 4_096;

interface WithEngine {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/**
 * Undoes a content coding, synchronously and with all output counted against the limit before it is
 * allocated.
 */
export const decompress = (
  body: Uint8Array,
  encoding: string,
  limitBytes: number,
): Decompressed => {
  if (!isAcceptedEncoding(encoding)) return { kind: 'unsupported' };
  if (body.length > limitBytes) return { kind: 'tooLarge' };
  if (encoding === 'gzip') {
    return attempt('gzip', () => gunzipSync(body, { maxOutputLength: limitBytes }));
  }
  if (encoding === 'zstd') return attempt('zstd', () => zstdFrames(body, limitBytes));
  return { kind: 'bytes', bytes: body };
};

const attempt = (encoding: string, work: () => Uint8Array): Decompressed => {
  try {
    return { kind: 'bytes', bytes: work() };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ERR_BUFFER_TOO_LARGE') return { kind: 'tooLarge' };
    return { kind: 'invalid', message: `the body is not ${encoding}` };
  }
};

/** Node gives only the first frame of a zstd body and drops the rest silently; this reads them all. */
const zstdFrames = (body: Uint8Array, limitBytes: number): Uint8Array => {
  const frames: Uint8Array[] = [];
  let total = 0;
  let rest = body;
  do {
    const result = zstdDecompressSync(rest, {
      // Zero is not allowed: the last frame may be empty when the limit is reached exactly.
      maxOutputLength: Math.max(1, limitBytes - total),
      info: true,
    }) as unknown as WithEngine;
    total += result.buffer.length;
    if (total > limitBytes) throw tooLarge();
    frames.push(result.buffer);
    const consumed = result.engine.bytesWritten;
    if (consumed <= 0 || frames.length > MAX_ZSTD_FRAMES) throw new RangeError('endless zstd');
    rest = rest.subarray(consumed);
  } while (rest.length > 0);
  return frames.length === 1 ? (frames[0] as Uint8Array) : Buffer.concat(frames, total);
};

const tooLarge = (): Error =>
  Object.assign(new RangeError('beyond the limit'), { code: 'ERR_BUFFER_TOO_LARGE' });
