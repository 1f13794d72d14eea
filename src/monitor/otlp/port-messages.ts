// SPDX-License-Identifier: Apache-2.0
/**
 * The messages between the receiver thread, the analysis worker and the main thread.
 *
 * Receiver to analysis: one `export` for each OTLP request, its body moved (never copied) by the
 * transfer list. Analysis to receiver: exactly one `answer` for each `export`, with the same id and
 * in any order. The sender of the telemetry is acknowledged only after that answer. When a port
 * closes, all exports without an answer count as not accepted.
 *
 * Main to receiver: `attach` gives the receiver a port to a (new) analysis worker, `snapshot` asks
 * for the counters, `stop` drains and ends it.
 */
import type { MessagePort } from 'node:worker_threads';
import type { UnixMs } from '../../domain/clock.ts';
import type { SignalKind } from '../../domain/telemetry.ts';
import type { ReceiverCounters } from './counters.ts';

/** How the body of a request is written. */
export type OtlpContentType = 'protobuf' | 'json';

/** One OTLP request as it came off the wire: nothing decompressed, nothing decoded. */
export interface ExportJob {
  readonly signal: SignalKind;
  readonly contentType: OtlpContentType;
  /** Content coding in lower case: ``, `identity`, `gzip` or `zstd`. */
  readonly encoding: string;
  /** The body in an ArrayBuffer of its own, so that it can be moved to another thread. */
  readonly body: ArrayBuffer;
  readonly receivedAtMs: UnixMs;
}

/** What became of a request; the receiver turns it into a gRPC status or an HTTP response. */
export type ReceiverAnswer =
  /** Everything was accepted. */
  | { readonly kind: 'accepted' }
  /** Accepted but for `rejected` items; with 0 rejected the message is a warning. */
  | { readonly kind: 'partial'; readonly rejected: number; readonly message: string }
  /** Undecodable: nothing was applied, and sending it again is useless. */
  | { readonly kind: 'invalid'; readonly message: string }
  /** Beyond the size limit after decompression, or beyond the row limit. */
  | { readonly kind: 'tooLarge'; readonly message: string }
  /** A content coding that is not supported. */
  | { readonly kind: 'unsupportedEncoding'; readonly encoding: string }
  /** Nothing was applied; send it again after the delay. */
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** Whether it was applied is not known, or nobody is there to apply it; send it again. */
  | { readonly kind: 'unavailable'; readonly message: string };

/** From the receiver to the analysis worker. */
export interface ExportMessage extends ExportJob {
  readonly kind: 'export';
  /** Unique among the open requests of one port. */
  readonly id: number;
}

/** From the analysis worker to the receiver. */
export interface AnswerMessage {
  readonly kind: 'answer';
  readonly id: number;
  readonly answer: ReceiverAnswer;
}

/** From the main thread to the receiver thread. */
export type ReceiverCommand =
  /** Replaces the port to the analysis worker; the port must be in the transfer list. */
  | { readonly kind: 'attach'; readonly port: MessagePort }
  | { readonly kind: 'snapshot'; readonly id: number }
  /** Refuses new requests, finishes the open ones and ends the thread. */
  | { readonly kind: 'stop' };

/** From the receiver thread to the main thread. */
export type ReceiverReport =
  | { readonly kind: 'started'; readonly grpcPort: number; readonly httpPort: number }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'snapshot'; readonly id: number; readonly counters: ReceiverCounters }
  | { readonly kind: 'stopped' };
