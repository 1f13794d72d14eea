// SPDX-License-Identifier: Apache-2.0
import type { CountOrPercent } from '../api/scalars.ts';

/** Reads `2`, `"2"` or `"40%"`; `null` when the text is neither. */
const parsed = (value: CountOrPercent): { amount: number; percent: boolean } | null => {
  const match = /^([0-9]+)(%?)$/.exec(String(value));
  return match === null ? null : { amount: Number(match[1]), percent: match[2] === '%' };
};

/**
 * Computes how many replicas must stay ready: a count as it is, a percentage of the desired replicas
 * rounded up, so that `51%` of one replica is one. `NaN` when the value is neither, and no number of
 * replicas satisfies that.
 */
export const healthyFloor = (minHealthy: CountOrPercent, desiredReplicas: number): number => {
  const limit = parsed(minHealthy);
  if (limit === null) return Number.NaN;
  return limit.percent ? Math.ceil((limit.amount * desiredReplicas) / 100) : limit.amount;
};

/**
 * Tells whether `part` of `total` lies above a limit: a count as it is, a percentage of `total`
 * without rounding.
 */
export const isAbove = (part: number, total: number, limit: CountOrPercent): boolean => {
  const { amount, percent } = parsed(limit) ?? { amount: 0, percent: false };
  return percent ? part * 100 > amount * total : part > amount;
};
