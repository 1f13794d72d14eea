// SPDX-License-Identifier: Apache-2.0
/** A small, fixed part of the bench that must not get worse unnoticed; the bench itself tells rates. */
import { describe, expect, it } from 'vitest';
import { LEAK_CLASSES } from '../../../../src/analyze/leak/assess.ts';
import { drawTrace, type Family, NEGATIVE, POSITIVE } from '../../../bench/leak/families.ts';
import { PER_BUCKET, recordTape, replayLife } from '../../../bench/leak/replay.ts';

const SEEDS = [3_000, 3_001];

/** Plays the first life of a series: the sample of the alarm, and when the leak began and ended. */
const playFamily = (family: Family, seed: number) => {
  const trace = drawTrace(family, 'standard', seed);
  const life = trace.lives[0]!;
  const { alarmBucket, evidence } = replayLife(recordTape(trace), life);
  if (evidence !== null) expect(LEAK_CLASSES.has(evidence.classification as never)).toBe(true);
  return { alarm: alarmBucket * PER_BUCKET, onset: life.onset, end: life.to };
};

describe('MemoryLeak over the generator families', () => {
  // A cache that fills for more than half a day is not told from a leak by one series alone.
  it.each(NEGATIVE.filter((family) => family !== 'N_cache'))('is silent on %s', (family) => {
    for (const seed of SEEDS) expect(playFamily(family, seed).alarm).toBe(Number.POSITIVE_INFINITY);
  });

  it.each(POSITIVE)('finds %s between its onset and its end', (family) => {
    const found = SEEDS.map((seed) => playFamily(family, seed));
    for (const { alarm, onset } of found) expect(alarm).toBeGreaterThan(onset);
    expect(found.some(({ alarm, end }) => alarm <= end + PER_BUCKET)).toBe(true);
  });

  it('draws the same series from the same seed', () => {
    const [one, two, other] = [7, 7, 8].map((seed) => drawTrace('P_gc', 'hard', seed));
    expect(two).toEqual(one);
    expect(other!.memory).not.toEqual(one!.memory);
  });
});
