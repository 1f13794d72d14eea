// SPDX-License-Identifier: Apache-2.0
/** Scores answers by the rules of the bench: detectable positives only, one score per life. */

import type { Family, Life, Trace } from './families.ts';
import { type Answer, floorDeviation, LIMIT_BYTES, PER_BUCKET, RESOLUTION_MS } from './replay.ts';

/** Sums of one detector over many series; each series has weight 1, shared by its lives. */
export class Score {
  truePositive = 0;
  falsePositive = 0;
  missed = 0;
  negatives = 0;
  readonly leads: number[] = [];
  readonly slopeErrors: number[] = [];
  slopeCovered: number[] = [];
  time80Covered: number[] = [];
  time95Covered: number[] = [];
  readonly families = new Map<Family, { alarmed: number; counted: number }>();

  /** Takes the answers about all lives of one trace in. */
  add(trace: Trace, answers: readonly Answer[]): void {
    if (trace.positive) this.#positive(trace, answers);
    else {
      const alarmed = answers.some((answer) => Number.isFinite(answer.alarmBucket)) ? 1 : 0;
      this.negatives += 1;
      this.falsePositive += alarmed;
      this.#count(trace.family, alarmed, 1);
    }
  }

  #count(family: Family, alarmed: number, counted: number): void {
    const row = this.families.get(family) ?? { alarmed: 0, counted: 0 };
    row.alarmed += alarmed;
    row.counted += counted;
    this.families.set(family, row);
  }

  #positive(trace: Trace, answers: readonly Answer[]): void {
    const noise = floorDeviation(trace.noise);
    trace.lives.forEach((life, i) => {
      this.#life(trace, life, { answer: answers[i]!, noise });
    });
  }

  #life(
    trace: Trace,
    life: Life,
    found: { readonly answer: Answer; readonly noise: number },
  ): void {
    const { answer, noise } = found;
    const weight = 1 / trace.lives.length;
    const alarm = answer.alarmBucket * PER_BUCKET;
    const detectable = life.oom || life.growth >= 5 * noise;
    const early = alarm < life.onset;
    const hit = Number.isFinite(alarm) && !early;
    if (early) this.falsePositive += weight;
    if (hit) this.#quality(trace, answer, { onset: life.onset, end: life.to, oom: life.oom });
    // A leak found although it is hardly visible is no false alarm, but earns no recall.
    if (!detectable) return;
    if (hit) this.truePositive += weight;
    else this.missed += weight;
    this.#count(trace.family, hit ? weight : 0, weight);
  }

  #quality(
    trace: Trace,
    { alarmBucket, evidence }: Answer,
    life: { readonly onset: number; readonly end: number; readonly oom: boolean },
  ): void {
    const left = life.end - alarmBucket * PER_BUCKET;
    if (life.oom) this.leads.push(Math.max(0, left) / (life.end - life.onset));
    if (evidence === null) return;
    const m = evidence.measures;
    if (!Number.isNaN(trace.slope)) {
      const truth = (trace.slope * LIMIT_BYTES) / 60;
      this.slopeErrors.push(Math.abs(m['slopeBytesPerSecond']! / truth - 1));
      const inside =
        m['slopeLowBytesPerSecond']! <= truth && truth <= m['slopeHighBytesPerSecond']!;
      this.slopeCovered.push(inside ? 1 : 0);
    }
    if (!life.oom || trace.family === 'P_accel') return;
    const leftMs = (left / PER_BUCKET) * RESOLUTION_MS;
    const covers = (low: string, high: string): number =>
      m[low]! <= leftMs && leftMs <= m[high]! ? 1 : 0;
    this.time80Covered.push(covers('lower80TimeToOomMs', 'upper80TimeToOomMs'));
    this.time95Covered.push(covers('lower95TimeToOomMs', 'upper95TimeToOomMs'));
  }

  get precision(): number {
    return this.truePositive / (this.truePositive + this.falsePositive);
  }

  get recall(): number {
    return this.truePositive / (this.truePositive + this.missed);
  }

  /** Share of the negative series that are alarmed. */
  get falsePositiveRate(): number {
    let alarmed = 0;
    for (const [family, row] of this.families) if (family.startsWith('N_')) alarmed += row.alarmed;
    return alarmed / this.negatives;
  }
}
