// SPDX-License-Identifier: Apache-2.0
/**
 * Turns an assessment into evidence: figures with units, and one sentence for a person.
 */
import type { UnixMs } from '../../domain/clock.ts';
import { humanDuration } from '../../domain/duration.ts';
import type { ContainerFacts } from '../../domain/entity.ts';
import { studentTQuantile } from '../../theory/series/distributions.ts';
import type { Assessment } from './assess.ts';
import { CONFIRMATIONS } from './confirmation.ts';

const MIB = 1_048_576;

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 2 : 0)} MiB`;

/** What the figures of one container are made of, besides the assessment. */
export interface ReportContext {
  readonly facts: ContainerFacts;
  readonly limitBytes: number;
  readonly resolutionMs: number;
  readonly nowMs: UnixMs;
  readonly confirmations: number;
}

/** Figures of a trend and its time to OOM, in the units that their names say. */
export const trendMeasures = (
  found: Assessment,
  context: ReportContext,
): Record<string, number> => {
  const { trend, time } = found;
  const perSecond = 1_000 / context.resolutionMs;
  const reach = trend.slopeError * studentTQuantile(0.95, trend.freedom);
  const ms = (buckets: number): number => buckets * context.resolutionMs;
  return {
    slopeBytesPerSecond: trend.slope * perSecond,
    slopeLowBytesPerSecond: (trend.slope - reach) * perSecond,
    slopeHighBytesPerSecond: (trend.slope + reach) * perSecond,
    z: trend.z,
    floorBytes: found.floorBytes,
    headroomBytes: found.headroomBytes,
    ttoMedianTimeToOomMs: ms(time.median),
    lower80TimeToOomMs: ms(time.lower80),
    upper80TimeToOomMs: ms(time.upper80),
    lower95TimeToOomMs: ms(time.lower95),
    upper95TimeToOomMs: ms(time.upper95),
    trendAgeMs: ms(found.trendAge),
  };
};

const EXPLANATIONS: Readonly<Record<Exclude<Assessment['classification'], 'unknown'>, string>> = {
  leak: 'the memory floor rises steadily',
  'leak-per-request': 'the memory floor rises with every request',
  staircase: 'the memory floor rises in regular steps and never falls',
  'load-growth': 'memory follows the request rate; once that is taken off nothing grows',
  warming: 'memory rises along a curve that levels off below the limit',
  'cache-bounded': 'memory has risen and levelled off',
  step: 'memory jumped once and does not grow by itself',
  noise: 'no lasting growth',
};

/** One sentence for a person about a judged container. */
export const summarise = (found: Assessment, context: ReportContext): string => {
  const { classification, trend, time, risk } = found;
  const name = `${context.facts.ref.container}: `;
  if (classification === 'unknown') return `${name}not judged`;
  const what = name + EXPLANATIONS[classification];
  if (!classification.startsWith('leak') && classification !== 'staircase') return what;
  const hourly = (trend.slope * 3_600_000) / context.resolutionMs;
  const soonest = humanDuration(time.lower80 * context.resolutionMs);
  const middle = humanDuration(time.median * context.resolutionMs);
  const growth =
    `${what} by ${mib(hourly)} an hour at ${mib(found.floorBytes)} of ${mib(context.limitBytes)}; ` +
    `out of memory in about ${middle}, hardly before ${soonest}`;
  if (risk === 'none') return `${growth}; too early to tell it from a warm-up`;
  return context.confirmations >= CONFIRMATIONS
    ? growth
    : `${growth}; confirmed ${context.confirmations} of ${CONFIRMATIONS} times`;
};
