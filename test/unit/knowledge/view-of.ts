// SPDX-License-Identifier: Apache-2.0
/** Builds knowledge views from plain samples, for tests and benches of detectors. */
import type { UnixMs } from '../../../src/domain/clock.ts';
import type { ContainerFacts } from '../../../src/domain/entity.ts';
import type { GaugeQuantity } from '../../../src/domain/telemetry.ts';
import type {
  BucketSeries,
  ContainerView,
  GaugeView,
  KnowledgeView,
} from '../../../src/knowledge/view.ts';
import { quantile } from '../../../src/theory/series/quantile.ts';

/** Samples of one gauge, in any order. */
export interface Samples {
  readonly timeMs: ArrayLike<number>;
  readonly value: ArrayLike<number>;
}

/** Which buckets to build. */
export interface BucketSpan {
  readonly startMs: UnixMs;
  readonly stepMs: number;
  readonly length: number;
}

/** Puts samples into buckets; samples outside the span or not finite are left out. */
export const bucketsOf = (samples: Samples, span: BucketSpan): BucketSeries => {
  const held: number[][] = Array.from({ length: span.length }, () => []);
  for (let i = 0; i < samples.timeMs.length; i += 1) {
    const bucket = Math.floor((samples.timeMs[i]! - span.startMs) / span.stepMs);
    const value = samples.value[i]!;
    if (Number.isFinite(value)) held[bucket]?.push(value);
  }
  const each = (reduce: (values: Float64Array) => number): Float64Array =>
    Float64Array.from(held, (values) =>
      values.length === 0 ? Number.NaN : reduce(Float64Array.from(values)),
    );
  return {
    ...span,
    count: Uint32Array.from(held, (values) => values.length),
    min: each((values) => values.reduce((low, value) => Math.min(low, value))),
    p30: each((values) => quantile(values, 0.3)),
    median: each((values) => quantile(values, 0.5)),
    max: each((values) => values.reduce((high, value) => Math.max(high, value))),
  };
};

/** Cuts buckets [from, to) out without copying. */
export const sliceBuckets = (series: BucketSeries, from: number, to: number): BucketSeries => ({
  length: to - from,
  stepMs: series.stepMs,
  startMs: series.startMs + from * series.stepMs,
  count: series.count.subarray(from, to),
  min: series.min.subarray(from, to),
  p30: series.p30.subarray(from, to),
  median: series.median.subarray(from, to),
  max: series.max.subarray(from, to),
});

/** Facts of a running container with a 256 MiB limit; each test changes what it is about. */
export const factsOf = (changes: Partial<ContainerFacts> = {}): ContainerFacts => ({
  ref: {
    pod: { namespace: 'shop', name: 'web-0', uid: 'pod-uid-0' },
    workload: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      namespace: 'shop',
      name: 'web',
      uid: 'workload-uid',
    },
    container: 'web',
  },
  templateHash: 'abc',
  memoryLimitBytes: 256 * 1_048_576,
  restartCount: 0,
  startedAtMs: 0,
  podCreatedAtMs: 0,
  podReady: true,
  lastTermination: null,
  ...changes,
});

/** One container as a test states it. */
export interface ContainerSpec {
  readonly facts: ContainerFacts;
  readonly gauges: Readonly<Partial<Record<GaugeQuantity, GaugeView>>>;
  readonly requests?: {
    readonly startMs: UnixMs;
    readonly stepMs: number;
    readonly count: Float64Array;
  };
}

/** Makes a view of some containers. */
export const viewOf = (
  resolutionMs: number,
  containers: readonly ContainerSpec[],
): KnowledgeView => {
  const views: readonly ContainerView[] = containers.map(({ facts, gauges, requests }) => ({
    facts,
    gauge: (quantity) => gauges[quantity] ?? null,
    requests: () => requests ?? null,
  }));
  return { resolutionMs, containers: () => views };
};

/** Makes the gauge of all samples up to `nowMs`, in the `windowBuckets` buckets that end there. */
export const gaugeOf = (
  samples: Samples,
  options: {
    readonly resolutionMs: number;
    readonly nowMs: UnixMs;
    readonly windowBuckets: number;
  },
): GaugeView => {
  const { resolutionMs, nowMs, windowBuckets } = options;
  const timeMs: number[] = [];
  const value: number[] = [];
  for (let i = 0; i < samples.timeMs.length; i += 1) {
    if (samples.timeMs[i]! > nowMs) continue;
    timeMs.push(samples.timeMs[i]!);
    value.push(samples.value[i]!);
  }
  const end = Math.ceil(nowMs / resolutionMs);
  const startMs = (end - windowBuckets) * resolutionMs;
  const ordered = Float64Array.from(timeMs).sort();
  const gaps = ordered.slice(1).map((time, i) => time - ordered[i]!);
  const newest = timeMs.indexOf(ordered.at(-1) ?? Number.NaN);
  return {
    buckets: bucketsOf({ timeMs, value }, { startMs, stepMs: resolutionMs, length: windowBuckets }),
    newestSampleMs: ordered.at(-1) ?? 0,
    newestValue: value[newest] ?? Number.NaN,
    sampleIntervalMs: gaps.length < 2 ? Number.NaN : quantile(gaps, 0.5),
    samples: ordered.filter((time) => time >= startMs).length,
  };
};
