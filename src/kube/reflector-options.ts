// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../domain/clock.ts';
import type { ListQuery } from './list.ts';
import type { KubeObject } from './resource.ts';
import type { StoreOptions } from './store.ts';
import type { Transport } from './transport.ts';

/** What a reflector has to say besides changes. */
export type ReflectorNote =
  /** The server refuses in a way that does not heal by itself. */
  | { readonly kind: 'degraded'; readonly error: unknown }
  | { readonly kind: 'recovered' }
  | { readonly kind: 'handlerError'; readonly error: unknown; readonly key: string }
  /** The streamed list takes longer than 10 s. */
  | { readonly kind: 'slowWatchList' }
  /** The server cannot stream lists; paged lists from now on. */
  | { readonly kind: 'fallback' }
  /** Verification found and fixed differences: events were lost. */
  | { readonly kind: 'repaired'; readonly objects: number }
  /** Versions went back: etcd was restored. `incarnation` counts these. */
  | { readonly kind: 'regression'; readonly incarnation: number };

/** Counts since the start. */
export interface ReflectorCounters {
  relists: number;
  watches: number;
  events: number;
  handlerErrors: number;
  /** Streams that ended by a broken connection or line. */
  breaks: number;
  repaired: number;
}

/** What a reflector is made of. */
export interface ReflectorOptions<T extends KubeObject> extends ListQuery, StoreOptions<T> {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Default true: stream the list where the server can. */
  readonly watchList?: boolean | undefined;
  /** Milliseconds between two comparisons with a fresh list, +-10 %. Default 600 000; null: never. */
  readonly verifyEveryMs?: number | null | undefined;
  /** Milliseconds until `start` gives up on the first list. Default 120 000. */
  readonly syncTimeoutMs?: number | undefined;
  readonly onNote?: ((note: ReflectorNote) => void) | undefined;
}
