// SPDX-License-Identifier: Apache-2.0
/**
 * The proof that an action helped (DESIGN 4.9): an effect on the original signal with enough samples.
 *
 * A leaking container's replacement is healthy when it stays Ready, is not killed, and its time to
 * OOM lies beyond the horizon. The detector needs 18 resolutions before it says anything, so until
 * then the slope of the generation that was replaced is assumed: the same code leaks the same way.
 * Too few samples are never success.
 */
import type { HealingActionSpec } from '../api/healing-action.ts';
import type { UnixMs } from '../domain/clock.ts';
import { durationMs, humanDuration } from '../domain/duration.ts';
import type { ObservedPod } from './pod-facts.ts';

/** The detector's minimum age in resolutions (guide of the leak detector, A3 step 11). */
const MIN_AGE_RESOLUTIONS = 18;
/** A signal is fresh within this many ms, or three observed intervals if that is more. */
const FRESH_MS = 60_000;

/** Samples of the replacement since the effect. */
export interface SampleFacts {
  readonly count: number;
  readonly newestMs: UnixMs;
  /** 30th percentile of the samples of the last few intervals, in bytes. */
  readonly floorBytes: number;
}

/** What one check of the verification has found. */
export interface VerificationFacts {
  readonly spec: HealingActionSpec;
  readonly replacement: { readonly uid: string; readonly readyAtMs: UnixMs };
  /** The replacement as read now; `null`: it is gone. */
  readonly pod: ObservedPod | null;
  /** `null`: no sample since the effect, or telemetry could not be asked. */
  readonly samples: SampleFacts | null;
  /** Lower end of the detector's 80 % interval in ms, once it gives one; `null` before. */
  readonly lower80TimeToOomMs: number | null;
  /** Time since the verification began in ms, by a clock that does not jump. */
  readonly elapsedMs: number;
  /** Time in ms since this process began to watch it; less than `elapsedMs` after a restart. */
  readonly watchedMs: number;
  readonly actedAtMs: UnixMs;
  readonly nowMs: UnixMs;
}

/** What a check concludes. */
export type VerificationResult =
  | { readonly kind: 'continue' }
  | {
      readonly kind: 'end';
      readonly phase: 'Succeeded' | 'Failed' | 'Inconclusive';
      readonly reason:
        | 'Effective'
        | 'Ineffective'
        | 'OOMKilled'
        | 'ReplacementLost'
        | 'ReplacementNotReady'
        | 'TooFewSamples';
      readonly message: string;
      readonly afterTimeToOomMs: number | null;
    };

const measure = (spec: HealingActionSpec, name: string): number | null => {
  const text = spec.cause.measures[name];
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isNaN(value) ? null : value;
};

/** How far the replaced generation's peaks stood above its floor: what its headroom left out. */
const peakAboveFloorBytes = (spec: HealingActionSpec): number => {
  const [limit, floor, headroom] = ['limitBytes', 'floorBytes', 'headroomBytes'].map((name) =>
    measure(spec, name),
  );
  if (limit == null || floor == null || headroom == null) return 0;
  return Math.max(0, limit - floor - headroom);
};

const container = ({ spec, pod }: VerificationFacts) =>
  pod?.facts.containers.find(({ name }) => name === spec.target.container);

/** Tells whether the replacement is old enough for the detector to speak for it. */
export const isMature = (spec: HealingActionSpec, startedAtMs: UnixMs, nowMs: UnixMs): boolean =>
  nowMs - startedAtMs >= MIN_AGE_RESOLUTIONS * durationMs(spec.limits.resolution);

/**
 * Estimates the time to OOM of the replacement in ms, `Infinity` when nothing grows and `null` when
 * a figure is missing: the detector's bound once there is one, else the headroom divided by the slope
 * of the replaced generation. The headroom leaves room for its peaks above the floor.
 */
export const timeToOomMs = (facts: VerificationFacts): number | null => {
  if (facts.lower80TimeToOomMs !== null) return facts.lower80TimeToOomMs;
  const { spec, samples } = facts;
  const limit = container(facts)?.memoryLimitBytes ?? measure(spec, 'limitBytes');
  const slope = measure(spec, 'slopeBytesPerSecond');
  if (limit === null || slope === null || samples === null) return null;
  const headroom = limit - samples.floorBytes - peakAboveFloorBytes(spec);
  if (headroom <= 0) return 0;
  return slope <= 0 ? Number.POSITIVE_INFINITY : (headroom / slope) * 1000;
};

const end = (
  phase: 'Succeeded' | 'Failed' | 'Inconclusive',
  reason: Extract<VerificationResult, { kind: 'end' }>['reason'],
  message: string,
  afterTimeToOomMs: number | null = null,
): VerificationResult => ({ kind: 'end', phase, reason, message, afterTimeToOomMs });

/** What the replacement's pod alone tells, whatever the telemetry says; `null`: nothing is wrong. */
const judgePod = (facts: VerificationFacts): VerificationResult | null => {
  const { pod, replacement } = facts;
  if (pod === null || pod.facts.uid !== replacement.uid) {
    return end('Inconclusive', 'ReplacementLost', 'the replacement is gone before it was verified');
  }
  const name = `pod ${pod.facts.namespace}/${pod.facts.name}`;
  // A new pod has no earlier life: any OOM kill in it came after the effect.
  if (container(facts)?.lastTermination?.reason === 'OOMKilled') {
    return end('Failed', 'OOMKilled', `${name} was killed for memory during verification`);
  }
  if (pod.facts.deleting) {
    return end('Inconclusive', 'ReplacementLost', `${name} is being deleted`);
  }
  // A later transition than the recorded one means that it was not Ready in between.
  if (pod.readySinceMs === null || pod.readySinceMs > replacement.readyAtMs) {
    return end('Failed', 'ReplacementNotReady', `${name} did not stay Ready`);
  }
  return null;
};

const isFresh = ({ samples, actedAtMs, nowMs }: VerificationFacts): boolean => {
  if (samples === null) return false;
  const intervalMs = (samples.newestMs - actedAtMs) / Math.max(1, samples.count);
  return nowMs - samples.newestMs <= Math.max(FRESH_MS, 3 * intervalMs);
};

/** Judges one check. Pure. */
export const judgeVerification = (facts: VerificationFacts): VerificationResult => {
  const wrong = judgePod(facts);
  if (wrong !== null) return wrong;
  const { verify, horizon } = facts.spec.limits;
  const count = facts.samples?.count ?? 0;
  const enough = count >= verify.minSamples;
  const toOomMs = timeToOomMs(facts);
  const horizonMs = durationMs(horizon);
  if (enough && toOomMs !== null && toOomMs <= horizonMs) {
    const message = `time to OOM is ${humanDuration(toOomMs)}, not beyond the horizon of ${horizon}`;
    return end('Failed', 'Ineffective', message, toOomMs);
  }
  const endsAfterMs = durationMs(verify.initialDelay) + durationMs(verify.window);
  if (facts.elapsedMs < endsAfterMs) return { kind: 'continue' };
  if (!enough || !isFresh(facts)) {
    // What was sent while nobody watched is lost: whoever has just begun must hear as long as another.
    if (facts.watchedMs < endsAfterMs) return { kind: 'continue' };
    const message = `${count} samples of ${facts.spec.cause.quantity} since the action, ${verify.minSamples} fresh ones must be there`;
    return end('Inconclusive', 'TooFewSamples', message, toOomMs);
  }
  if (toOomMs === null) {
    return end(
      'Inconclusive',
      'TooFewSamples',
      'the time to OOM cannot be told: a figure is missing',
    );
  }
  const message = `Ready throughout; time to OOM is ${humanDuration(toOomMs)}, beyond the horizon of ${horizon}`;
  return end('Succeeded', 'Effective', message, toOomMs);
};
