// SPDX-License-Identifier: Apache-2.0
import type { SignalKind } from '../../domain/telemetry.ts';

/** Why a request was refused before it reached the analysis, or by it. */
const REFUSALS = [
  'badPath',
  'badMethod',
  'badContentType',
  'badEncoding',
  'badFraming',
  'tooLarge',
  'invalid',
  'budget',
  'busy',
  'unavailable',
  'slowBody',
  'deadline',
  'reset',
  'draining',
] as const;

/** Why a request was refused; one of the list above. */
export type Refusal = (typeof REFUSALS)[number];

/** What the receiver counts; all fields are totals since its start but the last four, which are levels. */
export interface ReceiverCounters {
  /** Requests whose signal and transport were recognised. */
  requests: Record<'grpc' | 'http', Record<SignalKind, number>>;
  /** Requests that were acknowledged in full or in part. */
  acknowledged: Record<SignalKind, number>;
  /** Items that a partial success named as rejected. */
  rejectedItems: Record<SignalKind, number>;
  /** Requests without an acknowledgement, by reason. */
  refused: Record<Refusal, number>;
  /** Body bytes received, still compressed. */
  bodyBytes: number;
  /** Bytes of bodies in flight over both servers. */
  budgetBytes: number;
  /** Requests in flight over both servers. */
  inFlight: number;
  grpcSessions: number;
  httpConnections: number;
}

const perSignal = (): Record<SignalKind, number> => ({ traces: 0, metrics: 0, logs: 0 });

/** Builds counters that are all zero. */
export const createReceiverCounters = (): ReceiverCounters => ({
  requests: { grpc: perSignal(), http: perSignal() },
  acknowledged: perSignal(),
  rejectedItems: perSignal(),
  refused: Object.fromEntries(REFUSALS.map((reason) => [reason, 0])) as Record<Refusal, number>,
  bodyBytes: 0,
  budgetBytes: 0,
  inFlight: 0,
  grpcSessions: 0,
  httpConnections: 0,
});
