// SPDX-License-Identifier: Apache-2.0
/** Plays a trace to the detector as a store would show it: one view per analysis. */

import { memoryLeak } from '../../../src/analyze/detectors/memory-leak.ts';
import type { Evidence } from '../../../src/domain/evidence.ts';
import type { BucketSeries } from '../../../src/knowledge/view.ts';
import { mean } from '../../../src/theory/series/element.ts';
import { bucketsOf, factsOf, sliceBuckets, viewOf } from '../../unit/knowledge/view-of.ts';
import type { Life, Trace } from './families.ts';

/** Limit of every generated container. */
export const LIMIT_BYTES = 512 * 1_048_576;
/** Default resolution of the detector. */
export const RESOLUTION_MS = 300_000;
/** Samples per bucket. */
export const PER_BUCKET = 5;
const SAMPLE_MS = 60_000;
/** The series begin on some full hour; which one means nothing. */
const EPOCH_MS = 1_760_000_400_000;

/** A series ready to be replayed. */
export interface Tape {
  readonly buckets: BucketSeries;
  readonly requests: Float64Array | null;
  readonly limitBytes: number;
  readonly name: string;
}

/** What a detector said about one life. */
export interface Answer {
  /** Bucket at whose end it alarmed; Infinity: never. */
  readonly alarmBucket: number;
  /** The evidence of the alarm, for the detector under test. */
  readonly evidence: Evidence | null;
}

/** Puts a trace into buckets. */
export const recordTape = (trace: Trace): Tape => {
  const length = Math.ceil(trace.memory.length / PER_BUCKET);
  const buckets = bucketsOf(
    {
      timeMs: Float64Array.from(trace.memory, (_, i) => EPOCH_MS + i * SAMPLE_MS),
      value: trace.memory.map((share) => share * LIMIT_BYTES),
    },
    { startMs: EPOCH_MS, stepMs: RESOLUTION_MS, length },
  );
  const requests = new Float64Array(length);
  for (let i = 0; i < trace.memory.length; i += 1) {
    requests[Math.floor(i / PER_BUCKET)]! += trace.requests[i]!;
  }
  return { buckets, requests, limitBytes: LIMIT_BYTES, name: `${trace.family}/${trace.seed}` };
};

/** Standard deviation of the p30 of buckets of pure noise, share of the limit. */
export const floorDeviation = (noise: Float64Array): number => {
  const length = Math.floor(noise.length / PER_BUCKET);
  const { p30 } = bucketsOf(
    { timeMs: Float64Array.from(noise, (_, i) => i), value: noise },
    { startMs: 0, stepMs: PER_BUCKET, length },
  );
  const centre = mean(p30);
  return Math.sqrt(mean(p30.map((value) => (value - centre) ** 2)));
};

/** Plays one life until the first alarm or its end; analyses every two buckets. */
export const replayLife = (
  tape: Tape,
  life: Pick<Life, 'from' | 'to' | 'pod' | 'restartCount'>,
): Answer => {
  const bound = memoryLeak.bind(
    {},
    { policyUid: 'bench', policyNamespace: 'bench', policyName: 'bench', trigger: 'leak' },
  );
  const { buckets } = tape;
  const startedAtMs = buckets.startMs + life.from * SAMPLE_MS;
  const facts = factsOf({
    ref: {
      pod: { namespace: 'bench', name: tape.name, uid: `${tape.name}/${life.pod}` },
      workload: null,
      container: 'main',
    },
    memoryLimitBytes: tape.limitBytes,
    restartCount: life.restartCount,
    startedAtMs,
  });
  // Earlier buckets of the same pod are in its window; those of another pod are not.
  const first = life.restartCount > 0 ? 0 : Math.floor(life.from / PER_BUCKET);
  const last = Math.ceil(life.to / PER_BUCKET);
  for (let end = Math.floor(life.from / PER_BUCKET) + 2; end <= last; end += 2) {
    const nowMs = buckets.startMs + end * RESOLUTION_MS;
    const from = Math.max(first, end - bound.windowBuckets);
    const view = viewOf(RESOLUTION_MS, [
      {
        facts,
        gauges: {
          'container.memory.working_set': {
            buckets: sliceBuckets(buckets, from, end),
            newestSampleMs: nowMs - SAMPLE_MS,
            newestValue: buckets.median[end - 1]!,
            sampleIntervalMs: SAMPLE_MS,
            samples: (end - from) * PER_BUCKET,
          },
        },
        ...(tape.requests === null
          ? {}
          : {
              requests: {
                startMs: buckets.startMs + from * RESOLUTION_MS,
                stepMs: RESOLUTION_MS,
                count: tape.requests.subarray(from, end),
              },
            }),
      },
    ]);
    const [evidence] = bound.detect(view, nowMs);
    if (evidence?.firing) return { alarmBucket: end, evidence };
  }
  return { alarmBucket: Number.POSITIVE_INFINITY, evidence: null };
};
