// SPDX-License-Identifier: Apache-2.0
import type { BucketSeries } from '../../knowledge/view.ts';
import { at } from '../../theory/series/element.ts';
import { theilSenSlope } from '../../theory/series/theil-sen.ts';
import type { Segment } from './segment.ts';

/** Resident growth below this share of the working set's means that the rest is page cache. */
const RESIDENT_SHARE = 0.3;
/** Fewest buckets of resident figures over the trend that can contradict it. */
const LEAST_BUCKETS = 10;

/**
 * Tells whether a working set grows while the resident set does not: then the growth is page cache,
 * which the kernel takes back before it kills. False when there are too few resident figures to say.
 */
export const growsOnlyAsPageCache = (
  resident: BucketSeries,
  growth: { readonly segment: Segment; readonly trendStart: number; readonly slope: number },
): boolean => {
  const fromMs = growth.segment.startMs + growth.trendStart * resident.stepMs;
  const first = Math.max(0, Math.floor((fromMs - resident.startMs) / resident.stepMs));
  const kept: number[] = [];
  for (let i = first; i < resident.length; i += 1) {
    if (at(resident.count, i) > 0 && Number.isFinite(at(resident.p30, i))) kept.push(i);
  }
  if (kept.length < LEAST_BUCKETS) return false;
  const slope = theilSenSlope(
    Float64Array.from(kept),
    Float64Array.from(kept, (i) => at(resident.p30, i)),
  );
  return slope < RESIDENT_SHARE * growth.slope;
};
