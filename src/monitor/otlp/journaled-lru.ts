// SPDX-License-Identifier: Apache-2.0

/**
 * A bounded map that forgets what was not used lately, and that can take back all changes since the
 * last {@link commit}. Values must be immutable. An entry that was evicted stays evicted.
 *
 * It keeps two generations of half the cap each. What is used moves to the young one; when that is
 * full, the old one goes as a whole. So every operation takes constant time also while a flood of new
 * keys evicts all the time, which deleting the first entry of a `Map` each time does not.
 */
export class JournaledLru<Value> {
  readonly #generationSize: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  readonly #before = new Map<string, Value | undefined>();
  /** Entries evicted since the start. */
  evicted = 0;

  /** @param maxEntries at least 2 */
  constructor(maxEntries: number) {
    if (!(maxEntries >= 2)) throw new RangeError('`maxEntries` must be at least 2');
    this.#generationSize = Math.floor(maxEntries / 2);
  }

  /** Entries held now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Finds an entry and keeps it for longer. */
  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#put(key, old);
    return old;
  }

  /** Puts an entry; at the cap those go that were not used for longest. */
  set(key: string, value: Value): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#young.get(key) ?? this.#old.get(key));
    this.#put(key, value);
  }

  #put(key: string, value: Value): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size <= this.#generationSize) return;
    this.#young.delete(key);
    this.evicted += this.#old.size;
    this.#old = this.#young;
    this.#young = new Map([[key, value]]);
  }

  /** Makes the changes final. */
  commit(): void {
    this.#before.clear();
  }

  /** Takes back the changes since the last commit. */
  rollback(): void {
    for (const [key, value] of this.#before) {
      this.#young.delete(key);
      this.#old.delete(key);
      if (value !== undefined) this.#put(key, value);
    }
    this.#before.clear();
  }
}
