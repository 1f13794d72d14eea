// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from './clock.ts';

/** The three OTLP signals. */
export type SignalKind = 'traces' | 'metrics' | 'logs';

/**
 * The canonical gauges that detectors may ask for, in bytes. Old and new names of the semantic
 * conventions are mapped to these before anything else sees the data.
 */
export type GaugeQuantity =
  | 'container.memory.working_set'
  | 'container.memory.rss'
  | 'process.memory.usage';

/**
 * Who a point claims to speak for, as its resource attributes say. A claim, not a fact: identity is
 * checked against the API server before a sample enters a window.
 */
export interface IdentityClaim {
  readonly podUid?: string;
  readonly podName?: string;
  readonly namespace?: string;
  readonly container?: string;
  readonly serviceName?: string;
}

/** One sample of a gauge. */
export interface GaugePoint {
  readonly claim: IdentityClaim;
  readonly quantity: GaugeQuantity;
  readonly timeMs: UnixMs;
  /** Bytes; finite and not negative. */
  readonly value: number;
  /** Tells reporting processes apart, and says nothing else; missing: the same as whoever spoke before. */
  readonly sender?: string;
}

/**
 * Requests served by a container since the previous report of the same series, already a difference:
 * cumulative counters are turned into increments by the reader, resets included.
 */
export interface RequestIncrement {
  readonly claim: IdentityClaim;
  readonly timeMs: UnixMs;
  /** Number of requests, not negative. */
  readonly count: number;
}

/**
 * What one OTLP request says, in canonical form. `Batch` is the value on the arrow from monitor to
 * knowledge. Rows that mean nothing to any detector are counted, not kept.
 */
export interface Batch {
  readonly signal: SignalKind;
  readonly receivedAtMs: UnixMs;
  readonly gauges: readonly GaugePoint[];
  /** Points for which another sender spoke already; the store says whose figures stand, and if any do. */
  readonly rivals?: readonly GaugePoint[];
  readonly requests: readonly RequestIncrement[];
  /** Data points, spans or log records in the request. */
  readonly items: number;
  /** Items refused by a rule of OTLP (time 0, wrong id length, both values absent, ...). */
  readonly rejected: number;
  /** Why, for `partial_success`; empty when nothing was refused. */
  readonly rejectionMessage: string;
}

/** A sender is acknowledged only for what was accepted. */
export type SinkAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'partial'; readonly rejected: number; readonly message: string }
  | { readonly kind: 'busy'; readonly retryAfterMs: number };

/** Takes batches in; bounded: it answers `busy` rather than grow. */
export interface Sink {
  offer(batch: Batch): Promise<SinkAnswer>;
}
