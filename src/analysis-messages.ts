// SPDX-License-Identifier: Apache-2.0
/**
 * The messages between the main thread and the analysis worker. The port to the receiver speaks
 * `monitor/otlp/port-messages.ts`.
 */
import type { MessagePort } from 'node:worker_threads';
import type { DetectorFailure } from './analyze/bound-trigger.ts';
import type { EngineCounters } from './analyze/engine.ts';
import type { AnalysisAnswer, AnalysisQuery, Binding } from './domain/analysis.ts';
import type { ObjectDelta } from './domain/entity.ts';
import type { Evidence } from './domain/evidence.ts';
import type { StoreLimits } from './knowledge/store.ts';
import type { IngestQueueLimits } from './monitor/ingest-queue.ts';
import type { NormaliserCounters } from './monitor/otlp/normaliser-counters.ts';

/** What an analysis worker is started with. */
export interface AnalysisWorkerData {
  /** Limit of an OTLP body in bytes, before and after decompression. */
  readonly limitBytes: number;
  readonly queue: IngestQueueLimits;
  readonly store: StoreLimits;
  /**
   * One 64-bit counter: rows that entered a window of this worker. It outlives the worker, so that
   * what its death cost is known exactly.
   */
  readonly acknowledged: SharedArrayBuffer;
}

/** From the main thread to the analysis worker. */
export type AnalysisCommand =
  /** Always the first: everything known so far. Answered with `ready`. */
  | {
      readonly kind: 'start';
      readonly deltas: readonly ObjectDelta[];
      readonly bindings: readonly Binding[];
    }
  | { readonly kind: 'objects'; readonly deltas: readonly ObjectDelta[] }
  | { readonly kind: 'bind'; readonly bindings: readonly Binding[] }
  | { readonly kind: 'query'; readonly id: number; readonly query: AnalysisQuery }
  /** Replaces the port to the receiver; the port must be in the transfer list. */
  | { readonly kind: 'receiver'; readonly port: MessagePort }
  /** Finishes what waits and ends the thread. */
  | { readonly kind: 'stop' };

/** Totals of an analysis worker since it was started, as plain numbers. */
export interface AnalysisCounters extends EngineCounters {
  readonly normaliser: NormaliserCounters;
  /** OTLP requests answered, by kind of answer. */
  readonly answers: Readonly<Record<string, number>>;
  readonly queuedJobs: number;
  readonly queuedBytes: number;
}

/** From the analysis worker to the main thread. */
export type AnalysisReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: AnalysisAnswer }
  | { readonly kind: 'unanswered'; readonly id: number; readonly message: string }
  /** The evidence of one round, once. */
  | { readonly kind: 'evidence'; readonly evidence: readonly Evidence[] }
  /** About once a second: a sign of life with the counters. */
  | {
      readonly kind: 'beat';
      readonly counters: AnalysisCounters;
      readonly failures: readonly DetectorFailure[];
    };
