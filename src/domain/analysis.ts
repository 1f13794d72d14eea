// SPDX-License-Identifier: Apache-2.0
/**
 * The messages between the main thread and the analysis worker. Object deltas and bindings go in,
 * evidence and answered queries come out; a view never crosses.
 */
import type { UnixMs } from './clock.ts';
import type { ObjectDelta } from './entity.ts';
import type { Evidence, TriggerRef } from './evidence.ts';
import type { GaugeQuantity } from './telemetry.ts';

/** A trigger of a policy with the containers it selects, as the main thread resolved them. */
export interface Binding {
  readonly trigger: TriggerRef;
  readonly detector: string;
  /** Parameters as the policy says, checked again by the detector's schema. */
  readonly params: unknown;
  /** Keys (see `containerKey`) of the containers that the policy's targets select. */
  readonly containers: readonly string[];
}

/** A question of the main thread about telemetry that the worker holds. */
export type AnalysisQuery =
  /** The quantity's value at given times by linear interpolation between accepted samples. */
  | {
      readonly kind: 'interpolate';
      readonly podUid: string;
      readonly container: string;
      readonly quantity: GaugeQuantity;
      readonly timesMs: readonly UnixMs[];
    }
  /** The newest evidence of one trigger about one container, whatever its class. */
  | {
      readonly kind: 'evidence';
      readonly trigger: TriggerRef;
      readonly podUid: string;
      readonly container: string;
    }
  /** Samples of a container newer than a time. */
  | {
      readonly kind: 'samples';
      readonly podUid: string;
      readonly container: string;
      readonly sinceMs: UnixMs;
    };

/** What the worker answers. */
export type AnalysisAnswer =
  /** `values[i]` belongs to `timesMs[i]`; `null` where the time lies outside the samples or in a gap. */
  | { readonly kind: 'interpolate'; readonly values: readonly (number | null)[] }
  | { readonly kind: 'evidence'; readonly evidence: Evidence | null }
  /** One row for each quantity that has at least one sample since then; the floor is their 30th percentile. */
  | {
      readonly kind: 'samples';
      readonly quantities: readonly {
        readonly quantity: GaugeQuantity;
        readonly count: number;
        readonly newestMs: UnixMs;
        readonly newestValue: number;
        readonly floorBytes: number;
      }[];
    };

/**
 * The analysis side as the main thread sees it: a worker in production, the engine itself under a
 * virtual clock.
 */
export interface Analysis {
  apply(deltas: readonly ObjectDelta[]): void;
  /** Replaces all bindings; a binding that stays the same keeps its state. */
  bind(bindings: readonly Binding[]): void;
  /** @throws when the worker is gone; the caller must treat the fact as unknown. */
  query(query: AnalysisQuery): Promise<AnalysisAnswer>;
  /** Called with the evidence of each analysis round, at most once per round and trigger. */
  onEvidence(listener: (evidence: readonly Evidence[]) => void): void;
}
