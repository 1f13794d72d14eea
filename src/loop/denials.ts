// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs } from '../domain/clock.ts';

/** A call that is refused again and again is repeated within this time; later it counts as mended. */
const MEMORY_MS = 120_000;
/** Namespaces that are remembered for one call; of more the first are kept. */
const MAX_NAMESPACES = 256;

/** A call in the words of RBAC rules. */
export interface Call {
  readonly verb: string;
  /** Plural, with the subresource after a slash. */
  readonly resource: string;
  readonly group: string;
  readonly namespace: string;
}

const sentenceOf = ({ verb, resource, group }: Call): string =>
  `may not ${verb} ${group === '' ? resource : `${resource}.${group}`}`;

/**
 * Remembers which calls the API server forbids, so that a missing right is reported by name wherever
 * it is met. Bounded by the number of distinct calls.
 */
export class Denials {
  readonly #clock: Clock;
  readonly #onNew: (sentence: string) => void;
  /** By sentence, then by namespace: a right that is there in one may be missing in another. */
  readonly #seen = new Map<string, Map<string, MonoMs>>();

  /** @param onNew called once for each right that is found missing */
  constructor(clock: Clock, onNew: (sentence: string) => void) {
    this.#clock = clock;
    this.#onNew = onNew;
  }

  /** Notes what became of a call: 403 is a denial, success says that it is permitted. */
  answered(call: Call, status: number): void {
    const sentence = sentenceOf(call);
    if (status === 403) this.#note(sentence, call.namespace);
    else if (status >= 200 && status < 300) this.#clear(sentence, call.namespace);
  }

  /** The rights that are missing now, sorted. */
  list(): readonly string[] {
    const nowMs = this.#clock.monoMs();
    for (const [sentence, namespaces] of this.#seen) {
      for (const [namespace, atMs] of namespaces) {
        if (nowMs - atMs > MEMORY_MS) this.#clear(sentence, namespace);
      }
    }
    return [...this.#seen.keys()].sort();
  }

  #note(sentence: string, namespace: string): void {
    const namespaces = this.#seen.get(sentence) ?? new Map<string, MonoMs>();
    if (namespaces.size === 0) this.#onNew(sentence);
    if (namespaces.size < MAX_NAMESPACES || namespaces.has(namespace)) {
      namespaces.set(namespace, this.#clock.monoMs());
    }
    this.#seen.set(sentence, namespaces);
  }

  #clear(sentence: string, namespace: string): void {
    const namespaces = this.#seen.get(sentence);
    namespaces?.delete(namespace);
    if (namespaces?.size === 0) this.#seen.delete(sentence);
  }
}
