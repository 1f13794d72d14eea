// SPDX-License-Identifier: Apache-2.0

/**
 * A bounded map that forgets the least recently used entry, and that can take back all changes since
 * the last {@link commit}. Values must be immutable. An entry that was evicted stays evicted.
 */
export class JournaledLru<Value> {
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Value>();
  readonly #before = new Map<string, Value | undefined>();
  /** Entries evicted since the start. */
  evicted = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** Entries held now. */
  get size(): number {
    return this.#entries.size;
  }

  /** Finds an entry and makes it the most recently used one. */
  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Puts an entry; at the cap the least recently used one goes. */
  set(key: string, value: Value): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#entries.get(key));
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#maxEntries) return;
    const oldest = this.#entries.keys().next().value as string;
    this.#entries.delete(oldest);
    this.#before.delete(oldest);
    this.evicted += 1;
  }

  /** Makes the changes final. */
  commit(): void {
    this.#before.clear();
  }

  /** Takes back the changes since the last commit. */
  rollback(): void {
    for (const [key, value] of this.#before) {
      if (value === undefined) this.#entries.delete(key);
      else this.#entries.set(key, value);
    }
    this.#before.clear();
  }
}
