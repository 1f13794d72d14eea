// SPDX-License-Identifier: Apache-2.0
import type { Evidence } from '../domain/evidence.ts';

const MIN_STALENESS_MS = 60_000;
const INTERVALS = 3;

/**
 * Computes how old the newest sample of evidence may be, in ms: max(60 s, 3 x the observed interval).
 * An interval that is not known adds nothing.
 */
export const maxStalenessMs = ({ sampleIntervalMs }: Pick<Evidence, 'sampleIntervalMs'>): number =>
  sampleIntervalMs > 0 && Number.isFinite(sampleIntervalMs)
    ? Math.max(MIN_STALENESS_MS, INTERVALS * sampleIntervalMs)
    : MIN_STALENESS_MS;
