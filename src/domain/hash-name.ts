// SPDX-License-Identifier: Apache-2.0
import { sha256 } from './sha256.ts';

/** RFC 4648 base32 in lower case: every character may stand anywhere in a DNS label. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
/** Characters of the hash in a name: 20 x 5 = 100 bits. */
const HASH_LENGTH = 20;
const MAX_PREFIX = 42;

const base32 = (bytes: Uint8Array, length: number): string => {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5 && text.length < length) {
      text += ALPHABET[(value >>> (bits - 5)) & 31];
      bits -= 5;
    }
    value &= (1 << bits) - 1;
    if (text.length === length) break;
  }
  return text;
};

/** Writes an API name or any text as the start of a DNS label: `MemoryLeak` becomes `memory-leak`. */
const labelPrefix = (text: string): string =>
  text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_PREFIX)
    .replaceAll(/^-+|-+$/g, '') || 'x';

/**
 * Names an object by what it is about, so that a second attempt to create it meets the first:
 * `<prefix>-<100 bits of SHA-256 over the parts>`. A DNS label of at most 63 characters. Equal parts
 * give equal names on every machine; the parts are hashed as a JSON array, so they cannot run into
 * one another.
 */
export const hashName = (prefix: string, parts: readonly (string | number | boolean)[]): string =>
  `${labelPrefix(prefix)}-${base32(sha256(JSON.stringify(parts)), HASH_LENGTH)}`;
