// SPDX-License-Identifier: Apache-2.0
import type { MonoMs } from '../domain/clock.ts';

interface Entry {
  readonly key: string;
  readonly at: MonoMs;
}

/**
 * Keeps keys that become due later: one time per key, the earliest that was asked for. A binary heap whose
 * outdated entries are skipped when they surface. Add and take cost O(log n).
 */
export class DelayHeap {
  readonly #due = new Map<string, MonoMs>();
  #heap: Entry[] = [];

  /** Number of keys. */
  get size(): number {
    return this.#due.size;
  }

  /** Sets the time of a key, unless it has an earlier one. */
  add(key: string, at: MonoMs): void {
    const known = this.#due.get(key);
    if (known !== undefined && known <= at) return;
    this.#due.set(key, at);
    this.#heap.push({ key, at });
    this.#rise(this.#heap.length - 1);
  }

  delete(key: string): void {
    this.#due.delete(key);
  }

  clear(): void {
    this.#due.clear();
    this.#heap = [];
  }

  /** Time of the earliest key; null: there is none. */
  nextAt(): MonoMs | null {
    this.#dropOutdated();
    return this.#heap[0]?.at ?? null;
  }

  /** Takes the earliest key out when it is due; null: none is. */
  takeDue(now: MonoMs): string | null {
    this.#dropOutdated();
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return null;
    this.#removeFirst();
    this.#due.delete(first.key);
    return first.key;
  }

  #dropOutdated(): void {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || this.#due.get(first.key) === first.at) return;
      this.#removeFirst();
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfEarlier(index, parent)) return;
      index = parent;
    }
  }

  #sink(): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const leftAt = this.#heap[left]?.at;
      if (leftAt === undefined) return;
      const rightAt = this.#heap[left + 1]?.at ?? Number.POSITIVE_INFINITY;
      const child = rightAt < leftAt ? left + 1 : left;
      if (!this.#swapIfEarlier(child, index)) return;
      index = child;
    }
  }

  #swapIfEarlier(lower: number, upper: number): boolean {
    const a = this.#heap[lower];
    const b = this.#heap[upper];
    if (a === undefined || b === undefined || a.at >= b.at) return false;
    this.#heap[lower] = b;
    this.#heap[upper] = a;
    return true;
  }
}
