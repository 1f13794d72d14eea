// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { observedPod } from '../../../src/execute/pod-facts.ts';
import {
  isMature,
  judgeVerification,
  timeToOomMs,
  type VerificationFacts,
} from '../../../src/execute/verify.ts';
import { rawPod } from './raw-objects.ts';
import { SPEC } from './records.ts';

const ACTED = Date.parse('2026-03-01T12:00:00Z');
const READY = '2026-03-01T12:00:03Z';
const replacement = (fields: Parameters<typeof rawPod>[0] = {}) =>
  observedPod(
    rawPod({ name: 'web-9', uid: 'pod-9', readySince: READY, memory: '1000', ...fields }),
  );

/** A check after the end of the window of a replacement that is well. */
const WELL: VerificationFacts = {
  spec: SPEC,
  replacement: { uid: 'pod-9', readyAtMs: Date.parse(READY) },
  pod: replacement(),
  samples: { count: 5, newestMs: ACTED + 27_000, floorBytes: 200 },
  lower80TimeToOomMs: null,
  elapsedMs: 25_000,
  watchedMs: 25_000,
  actedAtMs: ACTED,
  nowMs: ACTED + 28_000,
};

const judge = (changes: Partial<VerificationFacts>) => {
  const result = judgeVerification({ ...WELL, ...changes });
  return result.kind === 'end' ? `${result.phase}(${result.reason})` : 'continue';
};

const samples = (changes: Partial<NonNullable<VerificationFacts['samples']>>) => ({
  samples: { ...WELL.samples!, ...changes },
});

describe('judgeVerification', () => {
  it('calls a replacement that is well Effective at the end of the window', () => {
    expect(judge({})).toBe('Succeeded(Effective)');
  });

  it('calls nothing Inconclusive that it has not watched for a whole window itself', () => {
    expect(judge({ samples: null, watchedMs: 24_999 })).toBe('continue');
    expect(judge({ elapsedMs: 90_000, samples: null, watchedMs: 25_000 })).toBe(
      'Inconclusive(TooFewSamples)',
    );
    expect(judge({ watchedMs: 0 })).toBe('Succeeded(Effective)');
  });

  it('goes on before the end of the window', () => {
    expect(judge({ elapsedMs: 24_999 })).toBe('continue');
  });

  it.each([
    ['Inconclusive(TooFewSamples)', 'one sample is missing', samples({ count: 4 })],
    ['Inconclusive(TooFewSamples)', 'there is no sample', { samples: null }],
    [
      'Inconclusive(TooFewSamples)',
      'the samples have stopped long before the end',
      { ...samples({ newestMs: ACTED + 1_000 }), nowMs: ACTED + 90_000, elapsedMs: 90_000 },
    ],
    [
      'Inconclusive(TooFewSamples)',
      'there is no slope to compare with',
      { spec: { ...SPEC, cause: { ...SPEC.cause, measures: { limitBytes: '1000' } } } },
    ],
    [
      'Failed(Ineffective)',
      'the headroom lasts not beyond the horizon',
      samples({ floorBytes: 600 }),
    ],
    [
      'Failed(Ineffective)',
      'the detector sees it end before the horizon',
      { lower80TimeToOomMs: 30_000 },
    ],
    ['Succeeded(Effective)', 'the detector sees no end', { lower80TimeToOomMs: Infinity }],
    [
      'Succeeded(Effective)',
      'the detector sees the end beyond the horizon',
      { ...samples({ floorBytes: 600 }), lower80TimeToOomMs: 30_001 },
    ],
    ['Failed(ReplacementNotReady)', 'it is not Ready', { pod: replacement({ ready: false }) }],
    [
      'Failed(ReplacementNotReady)',
      'it became Ready once more',
      { pod: replacement({ readySince: '2026-03-01T12:00:09Z' }) },
    ],
    ['Inconclusive(ReplacementLost)', 'it is gone', { pod: null }],
    [
      'Inconclusive(ReplacementLost)',
      'another pod has its name',
      { pod: replacement({ uid: 'pod-10' }) },
    ],
    [
      'Inconclusive(ReplacementLost)',
      'it is being deleted',
      { pod: replacement({ deletionTimestamp: '2026-03-01T12:00:20Z' }) },
    ],
    [
      'Failed(OOMKilled)',
      'it was killed for memory',
      {
        pod: replacement({
          container: {
            lastState: { terminated: { reason: 'OOMKilled', finishedAt: '2026-03-01T12:00:20Z' } },
          },
        }),
      },
    ],
  ] as const)('says %s when %s', (expected, _, changes) => {
    expect(judge(changes)).toBe(expected);
  });

  it('does not call it Ineffective on too few samples', () => {
    const early = { elapsedMs: 2_000 };
    expect(judge({ ...samples({ count: 1, floorBytes: 900 }), ...early })).toBe('continue');
    expect(judge({ ...samples({ count: 5, floorBytes: 900 }), ...early })).toBe(
      'Failed(Ineffective)',
    );
  });

  it('never succeeds without enough samples, whatever else is true', () => {
    fc.assert(
      fc.property(
        fc.nat(4),
        fc.double({ min: 0, max: 2_000, noNaN: true }),
        fc.option(fc.double({ min: 0, noNaN: true }), { nil: null }),
        fc.nat(200_000),
        (count, floorBytes, lower80TimeToOomMs, elapsedMs) => {
          const changes = { ...samples({ count, floorBytes }), lower80TimeToOomMs, elapsedMs };
          expect(judge(changes)).not.toContain('Succeeded');
        },
      ),
    );
  });

  it('succeeds only beyond the horizon', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1_200, noNaN: true }), (floorBytes) => {
        // 100 bytes are left for peaks, 10 bytes come each second, the horizon is 30 s.
        const isBeyond = (1_000 - floorBytes - 100) / 10 > 30;
        expect(judge(samples({ floorBytes })).startsWith('Succeeded')).toBe(isBeyond);
      }),
    );
  });
});

describe('timeToOomMs', () => {
  it('divides the headroom under the peaks by the slope of the replaced generation', () => {
    expect(timeToOomMs(WELL)).toBe(70_000);
  });

  it('takes the limit of the evidence when the pod has none now', () => {
    expect(timeToOomMs({ ...WELL, pod: replacement({ memory: '0' }) })).toBe(70_000);
  });

  it('is endless when nothing grew', () => {
    const measures = { ...SPEC.cause.measures, slopeBytesPerSecond: '0' };
    const spec = { ...SPEC, cause: { ...SPEC.cause, measures } };
    expect(timeToOomMs({ ...WELL, spec })).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('isMature', () => {
  it('needs 18 resolutions', () => {
    expect(isMature(SPEC, ACTED, ACTED + 35_999)).toBe(false);
    expect(isMature(SPEC, ACTED, ACTED + 36_000)).toBe(true);
  });
});
