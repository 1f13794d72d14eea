// SPDX-License-Identifier: Apache-2.0
/** The detectors to beat, given the same buckets, the same segments and the same cadence. */
import { fitLine } from '../../../src/theory/series/least-squares.ts';
import { mannKendall } from '../../../src/theory/series/mann-kendall.ts';
import { type Answer, PER_BUCKET, type Tape } from './replay.ts';

const LEAST = 18;

type Test = (x: Float64Array, y: Float64Array) => boolean;

const run = (
  tape: Tape,
  life: { readonly from: number; readonly to: number },
  test: Test,
  needed: number,
): Answer => {
  const { median } = tape.buckets;
  const first = Math.ceil(life.from / PER_BUCKET);
  const last = Math.ceil(life.to / PER_BUCKET);
  let hits = 0;
  for (let end = first + LEAST; end <= last; end += 2) {
    const y = median.slice(Math.max(first, end - 288), end).filter((value) => !Number.isNaN(value));
    hits =
      y.length > 3 &&
      test(
        Float64Array.from(y, (_, i) => i),
        y,
      )
        ? hits + 1
        : 0;
    if (hits >= needed) return { alarmBucket: end, evidence: null };
  }
  return { alarmBucket: Number.POSITIVE_INFINITY, evidence: null };
};

/** Mann-Kendall, z > 4. */
export const byMannKendall = (
  tape: Tape,
  life: { readonly from: number; readonly to: number },
): Answer => run(tape, life, (_, y) => mannKendall(y).z > 4, 1);

/** Mann-Kendall, z > 4, and R2 > 0.8 of a rising line, twice in a row. */
export const byLine = (tape: Tape, life: { readonly from: number; readonly to: number }): Answer =>
  run(
    tape,
    life,
    (x, y) => {
      const line = fitLine(x, y);
      return line.slope > 0 && line.r2 > 0.8 && mannKendall(y).z > 4;
    },
    2,
  );
