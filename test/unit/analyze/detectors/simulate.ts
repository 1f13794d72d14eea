// SPDX-License-Identifier: Apache-2.0
/** Simulates one sampled container and plays it to the leak detector, one view per analysis. */
import { memoryLeak } from '../../../../src/analyze/detectors/memory-leak.ts';
import type { ContainerFacts } from '../../../../src/domain/entity.ts';
import type { Evidence } from '../../../../src/domain/evidence.ts';
import type { GaugeQuantity } from '../../../../src/domain/telemetry.ts';
import type { GaugeView } from '../../../../src/knowledge/view.ts';
import { Random } from '../../../../src/theory/series/random.ts';
import { bucketsOf, factsOf, type Samples, sliceBuckets, viewOf } from '../../knowledge/view-of.ts';

export const MIB = 1_048_576;

/** A container whose memory and load are functions of its age. Times in resolutions. */
export interface Plant {
  readonly seed: number;
  /** Length of a bucket in ms; everything else scales with it. */
  readonly resolutionMs: number;
  readonly horizonMs: number;
  readonly limitBytes: number;
  /** Bytes at an age in resolutions; NaN: no sample. */
  readonly memory: (age: number, random: Random) => number;
  /** Requests per resolution at an age; absent: not reported. */
  readonly load?: (age: number) => number;
  /** How long to play, in resolutions. */
  readonly until: number;
  /** Samples per resolution, default 5. */
  readonly rate?: number;
  /** Scatter of sample times as a share of their distance, and share of samples lost. */
  readonly jitter?: number;
  readonly lost?: number;
  readonly quantity?: GaugeQuantity;
  /** Resident memory beside it. */
  readonly resident?: (age: number, random: Random) => number;
  /** What the API server says at an age, besides the defaults. */
  readonly facts?: (age: number) => Partial<ContainerFacts>;
}

/** One analysis: its age in resolutions, and what the detector said. */
export interface Said {
  readonly age: number;
  readonly evidence: Evidence;
}

const START_BUCKET = 1_000_000;

const sample = (plant: Plant, memory: Plant['memory'], random: Random): Samples => {
  const { rate = 5, jitter = 0, lost = 0 } = plant;
  const timeMs: number[] = [];
  const value: number[] = [];
  for (let i = 0; i < plant.until * rate; i += 1) {
    const age = (i + 0.5 + jitter * (random.uniform() - 0.5)) / rate;
    const bytes = memory(age, random);
    if (Number.isNaN(bytes) || random.uniform() < lost) continue;
    timeMs.push((START_BUCKET + age) * plant.resolutionMs);
    value.push(bytes);
  }
  return { timeMs, value };
};

/** Samples put into buckets once; every analysis sees the part that has passed. */
const record = (plant: Plant, memory: Plant['memory'], random: Random) => {
  const { resolutionMs } = plant;
  const samples = sample(plant, memory, random);
  const buckets = bucketsOf(samples, {
    startMs: START_BUCKET * resolutionMs,
    stepMs: resolutionMs,
    length: plant.until,
  });
  const times = Float64Array.from(samples.timeMs).sort();
  return (age: number): GaugeView => {
    const nowMs = (START_BUCKET + age) * resolutionMs;
    const past = times.filter((time) => time <= nowMs);
    return {
      buckets: sliceBuckets(buckets, 0, age),
      newestSampleMs: past.at(-1) ?? 0,
      newestValue: buckets.median[age - 1]!,
      sampleIntervalMs: past.length < 3 ? Number.NaN : resolutionMs / (plant.rate ?? 5),
      samples: past.length,
    };
  };
};

/** Plays the plant; one element per analysis, each two resolutions. */
export const play = (plant: Plant): Said[] => {
  const random = new Random(plant.seed);
  const { resolutionMs } = plant;
  const startedAtMs = START_BUCKET * resolutionMs;
  const memory = record(plant, plant.memory, random);
  const resident = plant.resident && record(plant, plant.resident, random);
  const requests = Float64Array.from({ length: plant.until }, (_, i) =>
    Math.max(0, Math.round((plant.load ?? (() => 0))(i + 0.5))),
  );
  const bound = memoryLeak.bind(
    { resolution: `${resolutionMs}ms`, horizon: `${plant.horizonMs}ms` },
    { policyUid: 'p', policyNamespace: 'shop', policyName: 'p', trigger: 'leak' },
  );
  const said: Said[] = [];
  for (let age = 2; age <= plant.until; age += 2) {
    const facts = factsOf({
      memoryLimitBytes: plant.limitBytes,
      startedAtMs,
      podCreatedAtMs: startedAtMs,
      ...plant.facts?.(age),
    });
    const count = requests.subarray(0, age);
    const view = viewOf(resolutionMs, [
      {
        facts,
        gauges: {
          [plant.quantity ?? 'container.memory.working_set']: memory(age),
          ...(resident ? { 'container.memory.rss': resident(age) } : {}),
        },
        ...(plant.load ? { requests: { startMs: startedAtMs, stepMs: resolutionMs, count } } : {}),
      },
    ]);
    const [evidence] = bound.detect(view, startedAtMs + age * resolutionMs);
    if (evidence) said.push({ age, evidence });
  }
  return said;
};

/** Ages at which the detector fired. */
export const firings = (said: readonly Said[]): number[] =>
  said.filter(({ evidence }) => evidence.firing).map(({ age }) => age);

/** Noise as real programs draw it: pages, small jumps, now and then a peak. */
export const programNoise = (random: Random, sizeBytes: number): number => {
  const peak = random.uniform() < 0.02 ? random.between(0, 3 * sizeBytes) : 0;
  return Math.round((sizeBytes * random.normal() + peak) / 4_096) * 4_096;
};
