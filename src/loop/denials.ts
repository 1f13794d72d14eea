// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs } from '../domain/clock.ts';
import type { ClusterPort } from '../domain/cluster.ts';

/** A call that is refused again and again is repeated within this time; later it counts as mended. */
const MEMORY_MS = 120_000;

/**
 * Remembers which calls the API server forbids, so that a missing right is reported by name wherever
 * it is met. Bounded by the number of distinct calls.
 */
export class Denials {
  readonly #clock: Clock;
  readonly #onNew: (sentence: string) => void;
  readonly #seen = new Map<string, MonoMs>();

  /** @param onNew called once for each right that is found missing */
  constructor(clock: Clock, onNew: (sentence: string) => void) {
    this.#clock = clock;
    this.#onNew = onNew;
  }

  /** Notes a refusal with 403. */
  note(verb: string, resource: string, group: string): void {
    const sentence = `may not ${verb} ${group === '' ? resource : `${resource}.${group}`}`;
    if (!this.#seen.has(sentence)) this.#onNew(sentence);
    this.#seen.set(sentence, this.#clock.monoMs());
  }

  /** Notes that a call is permitted again. */
  clear(verb: string, resource: string, group: string): void {
    this.#seen.delete(`may not ${verb} ${group === '' ? resource : `${resource}.${group}`}`);
  }

  /** The rights that are missing now, sorted. */
  list(): readonly string[] {
    const nowMs = this.#clock.monoMs();
    for (const [sentence, atMs] of this.#seen) {
      if (nowMs - atMs > MEMORY_MS) this.#seen.delete(sentence);
    }
    return [...this.#seen.keys()].sort();
  }

  /** Wraps a port so that every refusal with 403 is noted, and every success clears it. */
  watch(cluster: ClusterPort): ClusterPort {
    return {
      send: async (request, signal) => {
        const reply = await cluster.send(request, signal);
        const { verb, resource, subresource, group } = request;
        const path = subresource === undefined ? resource : `${resource}/${subresource}`;
        if (reply.kind === 'refused' && reply.status === 403) this.note(verb, path, group);
        if (reply.kind === 'ok') this.clear(verb, path, group);
        return reply;
      },
    };
  }
}
