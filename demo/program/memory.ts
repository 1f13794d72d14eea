// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** Blocks of memory that are really touched, so that they count in RSS and the working set. */
export class Blocks {
  readonly #blocks: ArrayBuffer[] = [];
  #bytes = 0;

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Allocates and touches `bytes` of anonymous memory. */
  grow(bytes: number): void {
    if (bytes <= 0) return;
    const block = new ArrayBuffer(bytes);
    new Uint8Array(block).fill(0xa5);
    this.#blocks.push(block);
    this.#bytes += bytes;
  }

  /** Gives the oldest blocks back to the system at once, without waiting for a collection. */
  shrink(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const block = this.#blocks.shift();
      if (block === undefined) return;
      left -= block.byteLength;
      this.#bytes -= block.byteLength;
      block.transfer(0);
    }
  }

  /** Grows or shrinks towards `target` bytes in blocks of 256 KiB. */
  approach(target: number): void {
    const BLOCK = 256 * 1024;
    while (this.#bytes + BLOCK <= target) this.grow(BLOCK);
    if (this.#bytes > target) this.shrink(this.#bytes - target);
  }
}

const readNumber = (path: string): number | null => {
  try {
    const value = Number(readFileSync(path, 'utf8'));
    return Number.isFinite(value) ? value : null;
  } catch {
    return null;
  }
};

const readStat = (path: string, key: string): number => {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${key} `));
  return Number(line?.split(' ')[1] ?? 0);
};

/**
 * Reads the working set of the own container as the kubelet computes it: usage less inactive file
 * pages, from cgroup v2 or v1.
 * @returns bytes, or `null` outside a container of its own: there the figures are the whole machine's
 */
export const workingSetBytes = (): number | null => {
  // The program of a container is the first process of its pid namespace.
  if (process.pid !== 1) return null;
  const root = '/sys/fs/cgroup';
  for (const [usage, stat, key] of [
    [`${root}/memory.current`, `${root}/memory.stat`, 'inactive_file'],
    [`${root}/memory/memory.usage_in_bytes`, `${root}/memory/memory.stat`, 'total_inactive_file'],
  ] as const) {
    const used = readNumber(usage);
    if (used !== null) return Math.max(0, used - readStat(stat, key));
  }
  return null;
};
