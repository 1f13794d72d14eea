// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../../domain/clock.ts';
import type { GaugeQuantity } from '../../domain/telemetry.ts';
import type { ContainerView, GaugeView } from '../../knowledge/view.ts';

/** In order of preference: what the kernel counts against the limit first. */
const PREFERENCE: readonly GaugeQuantity[] = [
  'container.memory.working_set',
  'container.memory.rss',
  'process.memory.usage',
];

/** The gauge that is judged. */
export interface MemorySource {
  readonly quantity: GaugeQuantity;
  readonly gauge: GaugeView;
  /**
   * Resident set beside a judged working set: the working set holds active page cache, which the
   * kernel gives back, so only growth of both is a leak. `null`: none is reported.
   */
  readonly resident: GaugeView | null;
}

const FRESH_MS = 60_000;

/** Tells whether the newest sample is no older than max(60 s, 3 sampling intervals), and not ahead. */
export const isFresh = (gauge: GaugeView, nowMs: UnixMs): boolean => {
  const interval = Number.isFinite(gauge.sampleIntervalMs) ? gauge.sampleIntervalMs : 0;
  const age = nowMs - gauge.newestSampleMs;
  return Math.abs(age) <= Math.max(FRESH_MS, 3 * interval);
};

/** Chooses the preferred gauge that is fresh, else the preferred one; `null`: none has any sample. */
export const chooseMemorySource = (
  container: ContainerView,
  nowMs: UnixMs,
): MemorySource | null => {
  const known = PREFERENCE.flatMap((quantity) => {
    const gauge = container.gauge(quantity);
    return gauge === null ? [] : [{ quantity, gauge }];
  });
  const chosen = known.find((each) => isFresh(each.gauge, nowMs)) ?? known[0];
  if (chosen === undefined) return null;
  const resident =
    chosen.quantity === 'container.memory.working_set'
      ? known.find((each) => each.quantity === 'container.memory.rss')?.gauge
      : undefined;
  return {
    ...chosen,
    resident: resident !== undefined && isFresh(resident, nowMs) ? resident : null,
  };
};
