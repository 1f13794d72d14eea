// SPDX-License-Identifier: Apache-2.0
/**
 * Telemetry alone never causes disruption (DESIGN 4.6). Whoever can send OTLP can claim that any pod
 * leaks, so the claim is compared with what the kubelet measured: metrics.k8s.io, read by ourselves
 * from the API server. A forged history that ends at the pod's true value differs from it earlier.
 */
import { humanDuration } from '../../domain/duration.ts';
import type { Evidence } from '../../domain/evidence.ts';
import type { CorroborationSeries } from '../../domain/healing.ts';
import { PASS } from '../../domain/verdict.ts';
import { maxStalenessMs } from '../evidence-age.ts';
import type { Guard } from '../guard.ts';
import { podText } from '../object-names.ts';
import { withFacts } from '../required-facts.ts';

const MIN_POINTS = 3;
const MIN_SPAN = 0.5;
const MAX_AGE_MS = 60_000;
const MAX_DIFFERENCE = 0.2;
const MIN_GROWTH_RATIO = 0.5;
const MAX_GROWTH_RATIO = 2;

type Point = CorroborationSeries['points'][number];
/** A point at which both sources have a value. */
type Pair = { readonly timeMs: number; readonly independent: number; readonly telemetry: number };

interface Comparison {
  readonly nowMs: number;
  readonly evidence: Evidence;
  /** Independent points of the fitted window and after it, oldest first, distinct times. */
  readonly points: readonly Point[];
  readonly pairs: readonly Pair[];
}

/** Keeps one point for each time, oldest first, from the start of the fitted window to now. */
const pointsSince = (
  series: CorroborationSeries,
  fromMs: number,
  nowMs: number,
): readonly Point[] => {
  const byTime = new Map<number, Point>();
  for (const point of series.points) {
    if (point.timeMs >= fromMs && point.timeMs <= nowMs) byTime.set(point.timeMs, point);
  }
  return [...byTime.values()].toSorted((a, b) => a.timeMs - b.timeMs);
};

const pairOf = ({ timeMs, independentBytes, telemetryBytes }: Point): Pair[] =>
  telemetryBytes === null
    ? []
    : [{ timeMs, independent: independentBytes, telemetry: telemetryBytes }];

const span = (pairs: readonly Pair[]): number =>
  pairs.length === 0 ? 0 : (pairs.at(-1) as Pair).timeMs - (pairs[0] as Pair).timeMs;

/** Slope of the least-squares line through (time, value); any unit, since only ratios are used. */
const slope = (pairs: readonly Pair[], value: (pair: Pair) => number): number => {
  const mean = (of: (pair: Pair) => number): number =>
    pairs.reduce((sum, pair) => sum + of(pair), 0) / pairs.length;
  const meanTime = mean(({ timeMs }) => timeMs);
  const meanValue = mean(value);
  let covariance = 0;
  let variance = 0;
  for (const pair of pairs) {
    covariance += (pair.timeMs - meanTime) * (value(pair) - meanValue);
    variance += (pair.timeMs - meanTime) ** 2;
  }
  return covariance / variance;
};

const quantityIsAnother = (
  { evidence }: Comparison,
  { quantity }: CorroborationSeries,
): string | null =>
  quantity === evidence.quantity
    ? null
    : `the evidence is about ${evidence.quantity}, the independent figures were compared with ${quantity}`;

const tooFewPoints = ({ pairs, points }: Comparison): string | null => {
  // A sender must not choose by its gaps which points it is compared with.
  if (pairs.length >= MIN_POINTS && pairs.length * 2 >= points.length) return null;
  return `${pairs.length} of ${points.length} independent points can be compared with telemetry, at least ${MIN_POINTS} and half of them must be`;
};

const spanIsShort = ({ pairs, evidence }: Comparison): string | null => {
  const neededMs = MIN_SPAN * (evidence.window.toMs - evidence.window.fromMs);
  if (span(pairs) >= neededMs) return null;
  return `independent figures span ${humanDuration(span(pairs))}, at least ${humanDuration(neededMs)} is needed`;
};

const newestIsOld = ({ nowMs, points, pairs, evidence }: Comparison): string | null => {
  const newestMs = points.at(-1)?.timeMs ?? Number.NEGATIVE_INFINITY;
  const comparedMs = pairs.at(-1)?.timeMs ?? Number.NEGATIVE_INFINITY;
  if (nowMs - newestMs > MAX_AGE_MS) {
    return `the newest independent figure is ${humanDuration(nowMs - newestMs)} old, at most ${humanDuration(MAX_AGE_MS)} is fresh`;
  }
  // Points newer than the newest sample cannot be compared yet; telemetry may lag by what is fresh.
  if (nowMs - comparedMs <= maxStalenessMs(evidence)) return null;
  return `the newest independent figure that can be compared is ${humanDuration(nowMs - comparedMs)} old`;
};

const valuesDiffer = ({ pairs }: Comparison): string | null => {
  // Written so that NaN differs.
  const worst = pairs.find(
    ({ independent, telemetry }) =>
      !(Math.abs(independent - telemetry) <= MAX_DIFFERENCE * telemetry),
  );
  if (worst === undefined) return null;
  return `telemetry says ${Math.round(worst.telemetry)} bytes where metrics.k8s.io says ${Math.round(worst.independent)}, more than ${MAX_DIFFERENCE * 100} % apart`;
};

const growthDiffers = ({ pairs }: Comparison): string | null => {
  const claimed = slope(pairs, ({ telemetry }) => telemetry);
  const measured = slope(pairs, ({ independent }) => independent);
  if (
    claimed > 0 &&
    measured >= MIN_GROWTH_RATIO * claimed &&
    measured <= MAX_GROWTH_RATIO * claimed
  ) {
    return null;
  }
  const perHour = (bytesPerMs: number): number => Math.round(bytesPerMs * 3_600_000);
  return `telemetry grows by ${perHour(claimed)} bytes per hour, metrics.k8s.io by ${perHour(measured)}: not between half and twice`;
};

const CHECKS = [
  quantityIsAnother,
  tooFewPoints,
  spanIsShort,
  newestIsOld,
  valuesDiffer,
  growthDiffers,
] as const;

/** Refuses evidence that no independent source bears out. */
export const corroborated: Guard<'corroborated'> = {
  id: 'corroborated',
  title: 'Does metrics.k8s.io show the same growth, or was the container OOMKilled?',
  check: ({ nowMs, plan, corroboration }) =>
    withFacts({ corroboration }, ({ corroboration: series }) => {
      if (series.oomKilledAtMs !== null && series.oomKilledAtMs <= nowMs) return PASS;
      const { evidence } = plan.diagnosis;
      const points = pointsSince(series, evidence.window.fromMs, nowMs);
      const comparison = { nowMs, evidence, points, pairs: points.flatMap(pairOf) };
      for (const check of CHECKS) {
        const found = check(comparison, series);
        if (found !== null) {
          const message = `${podText(plan.target.pod)}, container ${plan.target.container}: ${found}`;
          return { kind: 'Refuse', reason: 'NotCorroborated', message };
        }
      }
      return PASS;
    }),
};
