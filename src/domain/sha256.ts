// SPDX-License-Identifier: Apache-2.0
/**
 * SHA-256 in plain arithmetic, because the pure folders may not load `node:crypto`. For names, not
 * for secrets: it is not written to run in constant time.
 *
 * Source: FIPS 180-4, sections 4.1.2, 4.2.2, 5.1.1 and 6.2.
 */

/** The fractional part of `root(n)` in 32 bits, as FIPS 180-4 derives its constants. */
const fractionBits = (n: number, root: (n: number) => number): number =>
  Math.floor((root(n) % 1) * 2 ** 32) >>> 0;

const firstPrimes = (count: number): readonly number[] => {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return primes;
};

const PRIMES = firstPrimes(64);
const ROUND = Uint32Array.from(PRIMES, (prime) => fractionBits(prime, Math.cbrt));
const INITIAL = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fractionBits(prime, Math.sqrt));

const rotateRight = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

/** Appends the bit 1, zeros and the length in bits, to a multiple of 64 bytes. */
const padded = (message: Uint8Array): DataView => {
  const size = Math.ceil((message.length + 9) / 64) * 64;
  const bytes = new Uint8Array(size);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setBigUint64(size - 8, BigInt(message.length) * 8n);
  return view;
};

const schedule = (block: DataView, offset: number): Uint32Array => {
  const w = new Uint32Array(64);
  const at = (i: number): number => w[i] as number;
  for (let i = 0; i < 16; i++) w[i] = block.getUint32(offset + 4 * i);
  for (let i = 16; i < 64; i++) {
    const a = at(i - 15);
    const b = at(i - 2);
    const s0 = rotateRight(a, 7) ^ rotateRight(a, 18) ^ (a >>> 3);
    const s1 = rotateRight(b, 17) ^ rotateRight(b, 19) ^ (b >>> 10);
    w[i] = at(i - 16) + s0 + at(i - 7) + s1;
  }
  return w;
};

const compress = (state: Uint32Array, w: Uint32Array): void => {
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let i = 0; i < 64; i++) {
    const s1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = (h + s1 + choice + (ROUND[i] as number) + (w[i] as number)) >>> 0;
    const s0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) >>> 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) >>> 0;
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) {
    state[i] = (state[i] as number) + value;
  }
};

/** Computes the SHA-256 of a text in UTF-8: 32 bytes. */
export const sha256 = (text: string): Uint8Array => {
  const message = padded(new TextEncoder().encode(text));
  const state = INITIAL.slice();
  for (let offset = 0; offset < message.byteLength; offset += 64) {
    compress(state, schedule(message, offset));
  }
  const digest = new DataView(new ArrayBuffer(32));
  for (const [i, word] of state.entries()) digest.setUint32(4 * i, word);
  return new Uint8Array(digest.buffer);
};
