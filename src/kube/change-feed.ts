// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from './resource.ts';
import type { StoreChange } from './store.ts';

/** Hears one change; what it throws or rejects with is counted and noted. */
export type ChangeHandler<T extends KubeObject> = (change: StoreChange<T>) => unknown;

/** Tells changes to handlers, in order, and lets none of their errors out. */
export class ChangeFeed<T extends KubeObject> {
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #onError: (error: unknown, key: string) => void;

  /** @param onError hears what a handler threw; must not throw itself */
  constructor(onError: (error: unknown, key: string) => void) {
    this.#onError = onError;
  }

  /** Adds a handler, telling it of `present` first. @returns removes it again */
  add(handler: ChangeHandler<T>, present: readonly StoreChange<T>[]): () => void {
    this.#handlers.add(handler);
    for (const change of present) this.#tell(handler, change);
    return () => this.#handlers.delete(handler);
  }

  /** Tells every handler of each change. */
  emit(changes: readonly StoreChange<T>[]): void {
    for (const change of changes) {
      for (const handler of this.#handlers) this.#tell(handler, change);
    }
  }

  #tell(handler: ChangeHandler<T>, change: StoreChange<T>): void {
    try {
      const result = handler(change);
      if (result instanceof Promise) {
        result.catch((error: unknown) => this.#onError(error, change.key));
      }
    } catch (error) {
      this.#onError(error, change.key);
    }
  }
}
