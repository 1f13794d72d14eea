// SPDX-License-Identifier: Apache-2.0
import type { CountOrPercent } from '../api/scalars.ts';
import type { UnixMs } from '../domain/clock.ts';
import { isAbove } from './healthy-floor.ts';

/** Pods of all workloads that a policy targets. */
export interface Population {
  readonly total: number;
  readonly healthy: number;
}

/** Begin and end of the present or last storm of a policy; `endedAtMs` is `null` while it lasts. */
export interface Storm {
  readonly sinceMs: UnixMs;
  readonly endedAtMs: UnixMs | null;
}

/** Tells whether so many pods are unhealthy that the trouble is not one pod's. */
export const isStorm = (population: Population, unhealthyAbove: CountOrPercent): boolean =>
  isAbove(population.total - population.healthy, population.total, unhealthyAbove);

/**
 * Carries the memory of storms one observation further: what the policy's status remembers, and the
 * guard's cooldown is counted from.
 * @param active `null`: the population could not be read, which neither begins nor ends a storm
 */
export const nextStorm = (
  previous: Storm | null,
  active: boolean | null,
  nowMs: UnixMs,
): Storm | null => {
  if (active === null) return previous;
  const lasting = previous !== null && previous.endedAtMs === null;
  if (active) return lasting ? previous : { sinceMs: nowMs, endedAtMs: null };
  return lasting ? { sinceMs: previous.sinceMs, endedAtMs: nowMs } : previous;
};
