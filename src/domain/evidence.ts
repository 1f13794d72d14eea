// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from './clock.ts';
import type { ContainerRef } from './entity.ts';
import type { GaugeQuantity } from './telemetry.ts';

/** One trigger of one policy, as bound in the analysis worker. */
export interface TriggerRef {
  readonly policyUid: string;
  readonly policyNamespace: string;
  readonly policyName: string;
  readonly trigger: string;
}

/**
 * A detector's finding about one container. Plain data: it crosses threads. Evidence says what was
 * seen and how sure; whether to act is decided later, on other facts too.
 */
export interface Evidence {
  /** API name of the detector, for example `MemoryLeak`. */
  readonly detector: string;
  readonly trigger: TriggerRef;
  readonly subject: ContainerRef;
  /** The detector's class, for example `leak`, `warming`, `load-growth`. */
  readonly classification: string;
  /** True when the detector's own risk gate and confirmations are passed: the only kind that may lead to a plan. */
  readonly firing: boolean;
  readonly quantity: GaugeQuantity;
  /** The fitted window. */
  readonly window: { readonly fromMs: UnixMs; readonly toMs: UnixMs };
  /** Time of the newest sample used. */
  readonly newestSampleMs: UnixMs;
  /** Observed interval between samples in ms, the median; used to judge freshness. */
  readonly sampleIntervalMs: number;
  readonly samples: number;
  /** One sentence for a person. */
  readonly summary: string;
  /** Named figures with the unit in the name; every number finite, except `Infinity` where the name ends in `TimeToOomMs`. */
  readonly measures: Readonly<Record<string, number>>;
}
