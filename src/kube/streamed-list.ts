// SPDX-License-Identifier: Apache-2.0
import type { ApiError } from './api-error.ts';
import { type KubeObject, objectKey } from './resource.ts';
import type { ObjectEvent, SessionEnd } from './watch-session.ts';

/** A complete list, as of `version`. */
export interface Snapshot<T> {
  readonly items: Map<string, T>;
  readonly version: string;
}

/** Collects the initial events of a streamed list. */
export class StreamedList<T extends KubeObject> {
  readonly #prepare: (object: KubeObject) => T;
  readonly #items = new Map<string, T>();
  #version: string | null = null;

  constructor(prepare: (object: KubeObject) => T) {
    this.#prepare = prepare;
  }

  /** True once the bookmark came that ends the initial events. */
  get complete(): boolean {
    return this.#version !== null;
  }

  /** The list; the order of its events says nothing, its version is the bookmark's. */
  get snapshot(): Snapshot<T> {
    return { items: this.#items, version: this.#version ?? '' };
  }

  /** Takes an event. @returns true when the list is complete now */
  take(event: ObjectEvent): boolean {
    if (event.type === 'BOOKMARK') {
      if (event.endsInitialEvents) this.#version = event.resourceVersion;
      return event.endsInitialEvents;
    }
    const key = objectKey(event.object.metadata);
    if (event.type === 'DELETED') this.#items.delete(key);
    else this.#items.set(key, this.#prepare(event.object));
    return false;
  }
}

/** How a streamed list or a watch ended, or that it was refused. */
export type ListEnd = SessionEnd | { readonly kind: 'refused'; readonly error: ApiError };

/** How servers say that they do not know `sendInitialEvents`. */
export const cannotStreamLists = (end: ListEnd): boolean =>
  end.kind === 'refused' && [400, 405, 406, 422, 501].includes(end.error.code);
