// SPDX-License-Identifier: Apache-2.0
/**
 * The detector contract: a detector turns a view into evidence, and never does anything else.
 *
 * - Same view, same `now`, same history of calls: same evidence. It reads no clock and does no I/O.
 * - No data, stale data: classification `unknown`, not firing. An empty view gives no evidence.
 * - Every duration is a multiple of the policy's `resolution`; scaling time, `resolution` and
 *   `horizon` together leaves every verdict unchanged.
 * - State between calls (confirmation counters) belongs to the bound instance, and is bounded by the
 *   number of containers in the view.
 *
 * A new detector is one file here below `detectors/`, one test, one line in `detectors/index.ts`
 * (docs/howto/add-a-detector.md).
 */
import type { z } from 'zod';
import type { UnixMs } from '../domain/clock.ts';
import type { Evidence, TriggerRef } from '../domain/evidence.ts';
import type { SignalKind } from '../domain/telemetry.ts';
import type { KnowledgeView } from '../knowledge/view.ts';

/**
 * A detector bound to one trigger, one instance for each workload that the policy selects; called
 * once per analysis interval with a fresh view. Between two workloads the worker takes requests in.
 */
export interface BoundDetector {
  /** Bucket length in ms that the view must have. */
  readonly resolutionMs: number;
  /** Window length in buckets that the view should keep. */
  readonly windowBuckets: number;
  /** Time between two calls in ms: two resolutions for the leak detector. */
  readonly analysisIntervalMs: number;
  detect(view: KnowledgeView, nowMs: UnixMs): readonly Evidence[];
}

/** A detector as registered: its parameters are erased, so that unlike detectors fit one list. */
export interface Detector<Id extends string = string> {
  /** API name, for example `MemoryLeak`; the file carries the kebab form. */
  readonly id: Id;
  readonly title: string;
  readonly needs: readonly SignalKind[];
  /** Schema of `params` in the policy's trigger. */
  readonly params: z.ZodType;
  /** Source of the algorithm. */
  readonly reference: string;
  /** @throws when `params` does not satisfy {@link params}; the CRD has refused that already. */
  bind(params: unknown, trigger: TriggerRef): BoundDetector;
}

/** Ties a typed implementation to the erased {@link Detector} contract. */
export const defineDetector = <Id extends string, P extends z.ZodType>(definition: {
  readonly id: Id;
  readonly title: string;
  readonly needs: readonly SignalKind[];
  readonly params: P;
  readonly reference: string;
  readonly bind: (params: z.output<P>, trigger: TriggerRef) => BoundDetector;
}): Detector<Id> => ({
  ...definition,
  bind: (params, trigger) => definition.bind(definition.params.parse(params), trigger),
});
