// SPDX-License-Identifier: Apache-2.0
/**
 * Finds containers whose memory floor grows towards their limit.
 *
 * Every duration inside is a multiple of `resolution`. The detector fires by its own risk gate, which
 * may be long before the end; `horizon` bounds when to act and is only passed on as a measure.
 */
import { z } from 'zod';
import type { UnixMs } from '../../domain/clock.ts';
import { DURATION_PATTERN, durationMs } from '../../domain/duration.ts';
import { type ContainerFacts, containerKey } from '../../domain/entity.ts';
import type { Evidence, TriggerRef } from '../../domain/evidence.ts';
import type { BucketSeries, ContainerView, KnowledgeView } from '../../knowledge/view.ts';
import { at } from '../../theory/series/element.ts';
import { Random, seedOf } from '../../theory/series/random.ts';
import { type BoundDetector, defineDetector } from '../detector.ts';
import { type Assessment, assess, LEAK_CLASSES } from '../leak/assess.ts';
import { Calibration } from '../leak/calibration.ts';
import { CONFIRMATIONS, Confirmations } from '../leak/confirmation.ts';
import { measureFloor } from '../leak/floor.ts';
import { growsOnlyAsPageCache } from '../leak/page-cache.ts';
import { summarise, trendMeasures } from '../leak/report.ts';
import { currentSegment, type Segment } from '../leak/segment.ts';
import { chooseMemorySource, isFresh, type MemorySource } from '../leak/source.ts';

/** One day of five-minute buckets. */
const WINDOW_BUCKETS = 288;
const ANALYSIS_BUCKETS = 2;
const MINIMUM_AGE_BUCKETS = 18;
const WARM_UP_BUCKETS = 9;
const WARM_UP_SHARE = 0.2;
const HOUR_MS = 3_600_000;

const durationFrom = (least: string) =>
  z
    .string()
    .max(32)
    .regex(new RegExp(DURATION_PATTERN), 'must be a duration such as 90s or 1h30m')
    .refine(
      (text) => !new RegExp(DURATION_PATTERN).test(text) || durationMs(text) >= durationMs(least),
      {
        message: `must be at least ${least}`,
      },
    );

/** Parameters of a MemoryLeak trigger. */
export const memoryLeakParams = z.strictObject({
  /** Act when the time to OOM falls below this. */
  horizon: durationFrom('1s').default('30m'),
  /** Length of a bucket; every other duration of the detector is a multiple of it. */
  resolution: durationFrom('1s').default('5m'),
  /** Slowest growth that counts, in bytes an hour. */
  minSlopeBytesPerHour: z.number().nonnegative().default(0),
});

interface Setting {
  readonly trigger: TriggerRef;
  readonly horizonMs: number;
  readonly resolutionMs: number;
  readonly minSlopeBytesPerHour: number;
}

/** One container at one analysis, with the facts that a verdict needs. */
interface Case {
  readonly setting: Setting;
  readonly container: ContainerView;
  readonly facts: ContainerFacts;
  readonly source: MemorySource | null;
  readonly nowMs: UnixMs;
}

/** A case that can be judged. */
interface Judgeable {
  readonly source: MemorySource;
  readonly segment: Segment;
  readonly limitBytes: number;
  /** Buckets since the data of this life began. */
  readonly age: number;
}

/** Lowest p30 of the last complete buckets of a segment; NaN when they are empty. */
const recentFloor = (buckets: BucketSeries, segment: Segment): number => {
  for (let i = segment.to - 1; i >= segment.from; i -= 1) {
    if (at(buckets.count, i) > 0) return at(buckets.p30, i);
  }
  return Number.NaN;
};

/** Figures that are known even when there is no verdict. */
const plainMeasures = (subject: Case, segment: Segment | null): Record<string, number> => {
  const { setting, facts, source, nowMs } = subject;
  const ageMs = segment === null ? 0 : nowMs - segment.startMs;
  const minimumAgeMs = MINIMUM_AGE_BUCKETS * setting.resolutionMs;
  const measures: Record<string, number> = {
    ageMs,
    minimumAgeMs,
    reachedMinimumAge: ageMs >= minimumAgeMs ? 1 : 0,
    restartCount: facts.restartCount,
    horizonMs: setting.horizonMs,
    buckets: segment === null ? 0 : segment.to - segment.from,
    confirmations: 0,
  };
  if (facts.memoryLimitBytes !== null) measures['limitBytes'] = facts.memoryLimitBytes;
  if (source !== null && segment !== null) {
    const floor = recentFloor(source.gauge.buckets, segment);
    measures['floorBytes'] = floor;
    if (facts.memoryLimitBytes !== null) measures['headroomBytes'] = facts.memoryLimitBytes - floor;
  }
  return measures;
};

/** Evidence that says what keeps the detector from judging. */
const unknownEvidence = (subject: Case, segment: Segment | null, missing: string): Evidence => {
  const { source, nowMs, facts } = subject;
  return {
    detector: memoryLeak.id,
    trigger: subject.setting.trigger,
    subject: facts.ref,
    classification: 'unknown',
    firing: false,
    quantity: source?.quantity ?? 'container.memory.working_set',
    window: { fromMs: segment?.startMs ?? nowMs, toMs: nowMs },
    newestSampleMs: source?.gauge.newestSampleMs ?? 0,
    sampleIntervalMs: intervalOf(source),
    samples: source?.gauge.samples ?? 0,
    summary: `${facts.ref.container}: unknown, ${missing}`,
    measures: plainMeasures(subject, segment),
  };
};

/** Names one life of a container; a restart begins another, also one that only the floor shows. */
const lifeOf = (facts: ContainerFacts, segment: Segment): string =>
  `${containerKey(facts.ref.pod.uid, facts.ref.container)}/${facts.restartCount}/${segment.bornMs}`;

const intervalOf = (source: MemorySource | null): number =>
  source !== null && Number.isFinite(source.gauge.sampleIntervalMs)
    ? source.gauge.sampleIntervalMs
    : 0;

/** Everything a verdict needs, or what is missing. */
const prepare = (subject: Case): Judgeable | { missing: string; segment: Segment | null } => {
  const { facts, source, nowMs, setting } = subject;
  if (source === null) return { missing: 'no memory figure has arrived', segment: null };
  const { startedAtMs, memoryLimitBytes } = facts;
  if (startedAtMs === null) return { missing: 'the container is not running', segment: null };
  const segment = currentSegment(source.gauge.buckets, startedAtMs, nowMs);
  if (!isFresh(source.gauge, nowMs)) {
    return { missing: 'the newest memory figure is not fresh', segment };
  }
  if (segment === null) return { missing: 'no memory figure of this life yet', segment };
  const contestedMs = source.gauge.contestedMs ?? Number.NEGATIVE_INFINITY;
  if (nowMs - contestedMs < MINIMUM_AGE_BUCKETS * setting.resolutionMs) {
    return { missing: 'senders contradict each other or send too much', segment };
  }
  if (memoryLimitBytes === null || !(memoryLimitBytes > 0)) {
    return { missing: 'the container has no memory limit', segment };
  }
  const age = (nowMs - segment.startMs) / setting.resolutionMs;
  if (age < MINIMUM_AGE_BUCKETS)
    return { missing: 'this life is too young for a verdict', segment };
  return { source, segment, limitBytes: memoryLimitBytes, age };
};

/** Judges one container; `null` when its life has too few samples. */
const judge = (subject: Case, ready: Judgeable, calibration: Calibration): Assessment | null => {
  const { source, segment, limitBytes, age } = ready;
  const { facts, nowMs, setting } = subject;
  const lifeAge = (nowMs - segment.bornMs) / setting.resolutionMs;
  const cutBuckets = Math.min(WARM_UP_BUCKETS, WARM_UP_SHARE * lifeAge);
  const floor = measureFloor({
    buckets: source.gauge.buckets,
    segment,
    limitBytes,
    requests: subject.container.requests(),
    cutBuckets,
  });
  const windowEnd = Math.floor(nowMs / setting.resolutionMs);
  const seed = seedOf(`${containerKey(facts.ref.pod.uid, facts.ref.container)}/${windowEnd}`);
  const found = assess(floor, {
    limitBytes,
    age,
    widening: calibration.wideningAt(windowEnd),
    random: new Random(seed),
  });
  if (found === null || !LEAK_CLASSES.has(found.classification)) return found;
  const hourly = (found.trend.slope * HOUR_MS) / setting.resolutionMs;
  if (hourly < setting.minSlopeBytesPerHour)
    return { ...found, classification: 'noise', risk: 'none' };
  const onlyCache =
    source.resident !== null &&
    growsOnlyAsPageCache(source.resident.buckets, {
      segment,
      trendStart: found.trendStart,
      slope: found.trend.slope,
    });
  return onlyCache ? { ...found, classification: 'cache-bounded', risk: 'none' } : found;
};

class MemoryLeakDetector implements BoundDetector {
  readonly resolutionMs: number;
  readonly windowBuckets = WINDOW_BUCKETS;
  readonly analysisIntervalMs: number;
  readonly #setting: Setting;
  readonly #calibration = new Calibration();
  readonly #confirmations = new Confirmations();

  constructor(setting: Setting) {
    this.#setting = setting;
    this.resolutionMs = setting.resolutionMs;
    this.analysisIntervalMs = ANALYSIS_BUCKETS * setting.resolutionMs;
  }

  detect(view: KnowledgeView, nowMs: UnixMs): readonly Evidence[] {
    const lives = new Set<string>();
    const evidence = view.containers().map((container) => {
      const { facts } = container;
      const source = chooseMemorySource(container, nowMs);
      const subject: Case = { setting: this.#setting, container, facts, source, nowMs };
      const ready = prepare(subject);
      if (ready.segment !== null) lives.add(lifeOf(facts, ready.segment));
      if ('missing' in ready) return unknownEvidence(subject, ready.segment, ready.missing);
      return this.#judge(subject, ready);
    });
    this.#calibration.keepOnly(lives);
    this.#confirmations.keepOnly(lives);
    return evidence;
  }

  #judge(subject: Case, ready: Judgeable): Evidence {
    const { facts, nowMs } = subject;
    const { segment, source, limitBytes } = ready;
    const life = lifeOf(facts, segment);
    const found = judge(subject, ready, this.#calibration);
    if (found === null) return unknownEvidence(subject, segment, 'too few samples of this life');
    const windowEnd = Math.floor(nowMs / this.resolutionMs);
    const passes = found.risk !== 'none';
    const confirmations = this.#confirmations.count(life, passes, windowEnd);
    const context = {
      facts,
      limitBytes,
      resolutionMs: this.resolutionMs,
      nowMs,
      confirmations,
    };
    const evidence: Evidence = {
      detector: memoryLeak.id,
      trigger: this.#setting.trigger,
      subject: facts.ref,
      classification: found.classification,
      firing: passes && confirmations >= CONFIRMATIONS,
      quantity: source.quantity,
      window: {
        fromMs: segment.startMs + found.trendStart * this.resolutionMs,
        toMs: nowMs,
      },
      newestSampleMs: source.gauge.newestSampleMs,
      sampleIntervalMs: intervalOf(source),
      samples: source.gauge.samples,
      summary: summarise(found, context),
      measures: {
        ...plainMeasures(subject, segment),
        ...trendMeasures(found, context),
        confirmations,
      },
    };
    if (LEAK_CLASSES.has(found.classification)) {
      this.#calibration.observe({
        key: life,
        segmentStart: segment.startMs,
        now: windowEnd,
        level: found.floorBytes,
        slope: found.trend.slope,
        trendAge: found.trendAge,
        time: found.time,
      });
    }
    return evidence;
  }
}

/** Finds memory leaks before the container is out of memory. */
export const memoryLeak = defineDetector({
  id: 'MemoryLeak',
  title: 'Memory floor grows towards the limit',
  needs: ['metrics'],
  params: memoryLeakParams,
  reference:
    'Sen 1968 (trend), Huber 1981 (regression), Schwarz 1978 (shapes), Gibbs and Candès 2021 (intervals)',
  bind: (params, trigger) =>
    new MemoryLeakDetector({
      trigger,
      horizonMs: durationMs(params.horizon),
      resolutionMs: durationMs(params.resolution),
      minSlopeBytesPerHour: params.minSlopeBytesPerHour,
    }),
});
