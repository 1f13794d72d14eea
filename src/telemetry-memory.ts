// SPDX-License-Identifier: Apache-2.0
/**
 * What the telemetry threads may come to hold, added up: every buffer on the way in is bounded, and a
 * pod with less memory than the sum can be killed by whoever may send.
 */
import type { StoreLimits } from './knowledge/store.ts';
import { MAX_ROW_BYTES } from './monitor/otlp/columns.ts';
import { RECEIVER_HEAP_MIB } from './monitor/otlp/receiver-handle.ts';

const MIB = 2 ** 20;

/** Largest heap of the analysis worker in MiB; one that needs more dies alone and is started again. */
export const ANALYSIS_HEAP_MIB = 160;

/** Node itself, the code, and the main thread with the objects it watches. */
const PROCESS_BYTES = 176 * MIB;

/** The settings that decide how much memory telemetry takes. */
interface TelemetryMemorySettings {
  readonly bodyBytes: number;
  /** Bodies in flight over both servers, those that wait for the analysis included. */
  readonly budgetBytes: number;
  readonly store: Pick<StoreLimits, 'maxWindowBytes'>;
}

/**
 * Returns the bytes that a process with these settings may need. One request is decoded at a time: the
 * body with its parts while it is decompressed, or the body, its message if it was JSON, and its rows.
 */
export const processMemoryBytes = (settings: TelemetryMemorySettings): number => {
  const { bodyBytes, budgetBytes, store } = settings;
  const decoding = 2 * bodyBytes + Math.max(bodyBytes, MAX_ROW_BYTES);
  const heaps = (ANALYSIS_HEAP_MIB + RECEIVER_HEAP_MIB) * MIB;
  return budgetBytes + decoding + store.maxWindowBytes + heaps + PROCESS_BYTES;
};
