// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryLeak, memoryLeakParams } from '../../../../src/analyze/detectors/memory-leak.ts';
import { LEAK_CLASSES } from '../../../../src/analyze/leak/assess.ts';
import type { Evidence } from '../../../../src/domain/evidence.ts';
import type { Random } from '../../../../src/theory/series/random.ts';
import { type ContainerSpec, factsOf, gaugeOf, viewOf } from '../../knowledge/view-of.ts';
import { firings, MIB, type Plant, play, programNoise } from './simulate.ts';

const LIMIT = 256 * MIB;
const TRIGGER = { policyUid: 'p', policyNamespace: 'shop', policyName: 'p', trigger: 'leak' };

const plant = (changes: Partial<Plant>): Plant => ({
  seed: 1,
  resolutionMs: 300_000,
  horizonMs: 1_800_000,
  limitBytes: LIMIT,
  memory: (age, random) => 60 * MIB + 2 * MIB * age + programNoise(random, 0.5 * MIB),
  until: 80,
  ...changes,
});

const everyNumberIsSound = (evidence: Evidence): void => {
  for (const [name, value] of Object.entries(evidence.measures)) {
    if (name.endsWith('TimeToOomMs')) expect(value, name).not.toBeNaN();
    else expect(Number.isFinite(value), `${name} = ${value}`).toBe(true);
  }
  for (const key of ['newestSampleMs', 'sampleIntervalMs', 'samples'] as const) {
    expect(Number.isFinite(evidence[key]), key).toBe(true);
  }
  expect(evidence.window.fromMs).toBeLessThanOrEqual(evidence.window.toMs);
};

/** A random plant: a trend, a curve, a saw and noise, in shares of the limit. */
const anyPlant = fc
  .record({
    seed: fc.nat(),
    slope: fc.constantFrom(0, 0, 0.002, 0.006, 0.012),
    warm: fc.constantFrom(0, 0.2),
    cap: fc.constantFrom(0.3, 1),
    saw: fc.constantFrom(0, 0.12),
    noise: fc.constantFrom(0.002, 0.01),
    lost: fc.constantFrom(0, 0.1, 0.6),
    wave: fc.constantFrom(0, 0.5),
  })
  .map((draw): Plant => {
    const load = (age: number): number => 200 * (1 + draw.wave * Math.sin(age / 20));
    const memory = (age: number, random: Random): number =>
      LIMIT *
      Math.max(
        0.01,
        0.2 +
          Math.min(draw.cap, draw.slope * age) -
          draw.warm * Math.expm1(-age / 15) +
          draw.saw * ((age % 7) / 7) +
          draw.noise * random.normal(),
      );
    return plant({ seed: draw.seed, memory, load, lost: draw.lost, until: 90 });
  });

describe('MemoryLeak, whatever the memory does', () => {
  it('fires only for the classes of a leak, after three confirmations, with sound numbers', () => {
    fc.assert(
      fc.property(anyPlant, (drawn) => {
        for (const { evidence } of play(drawn)) {
          everyNumberIsSound(evidence);
          if (!evidence.firing) continue;
          expect(LEAK_CLASSES.has(evidence.classification as never)).toBe(true);
          expect(evidence.measures['confirmations']).toBeGreaterThanOrEqual(3);
          expect(evidence.measures['reachedMinimumAge']).toBe(1);
        }
      }),
      { numRuns: 24 },
    );
  });

  it('says the same when time, resolution and horizon are scaled together', () => {
    // The 60 s of freshness do not scale, so here every seventh sample is missing, never the newest.
    const gappy = anyPlant.map((drawn): Plant => {
      const memory: Plant['memory'] = (age, random) =>
        Math.floor(age * 5) % 7 === 3 && Math.floor(age * 5) % 5 !== 4
          ? Number.NaN
          : drawn.memory(age, random);
      return { ...drawn, memory, lost: 0 };
    });
    const factor = fc.constantFrom(1 / 300, 1 / 8, 0.37, 2, 12);
    fc.assert(
      fc.property(gappy, factor, (drawn, scale) => {
        const other = {
          ...drawn,
          resolutionMs: Math.round(300_000 * scale),
          horizonMs: Math.round(1_800_000 * scale),
        };
        const tell = (said: ReturnType<typeof play>) =>
          said.map(({ evidence: { classification, firing, measures } }) => ({
            classification,
            firing,
            confirmations: measures['confirmations'],
          }));
        expect(tell(play(other))).toEqual(tell(play(drawn)));
      }),
      { numRuns: 12 },
    );
  });

  it('gives the same class in 95 % of the seeds when a tenth of the samples is lost and times jitter', () => {
    const kinds: Record<string, Partial<Plant>> = {
      leak: {},
      flat: { memory: (_, random) => 90 * MIB + programNoise(random, MIB) },
      warm: {
        memory: (age, random) =>
          60 * MIB - 70 * MIB * Math.expm1(-age / 12) + programNoise(random, MIB),
      },
    };
    const ages = [40, 60, 78];
    for (const [name, kind] of Object.entries(kinds)) {
      let same = 0;
      let all = 0;
      for (let seed = 0; seed < 10; seed += 1) {
        const leaks = (changes: Partial<Plant>): boolean[] =>
          play(plant({ ...kind, seed, ...changes }))
            .filter(({ age }) => ages.includes(age))
            .map(({ evidence }) => LEAK_CLASSES.has(evidence.classification as never));
        const full = leaks({});
        leaks({ lost: 0.1, jitter: 0.66 }).forEach((value, i) => {
          all += 1;
          if (value === full[i]) same += 1;
        });
      }
      expect(same / all, name).toBeGreaterThanOrEqual(0.95);
    }
  });
});

describe('MemoryLeak and the life of a container', () => {
  it('draws no slope across a restart, and starts its age anew', () => {
    const restart = 50;
    const bytes = (age: number): number =>
      60 * MIB + 2 * MIB * (age < restart ? age : age - restart);
    const said = play(
      plant({
        memory: (age, random) => bytes(age) + programNoise(random, 0.5 * MIB),
        facts: (age) =>
          age < restart ? {} : { startedAtMs: (1_000_000 + restart) * 300_000, restartCount: 1 },
        until: 90,
      }),
    );
    for (const { age, evidence } of said.filter((each) => each.age > restart)) {
      expect(evidence.window.fromMs).toBeGreaterThanOrEqual((1_000_000 + restart) * 300_000);
      expect(evidence.measures['ageMs']).toBeLessThanOrEqual((age - restart) * 300_000);
      if (age < restart + 18) expect(evidence.classification).toBe('unknown');
      if (age >= restart + 24) {
        const slope = evidence.measures['slopeBytesPerSecond']! * 300;
        expect(Math.abs(slope / (2 * MIB) - 1)).toBeLessThan(0.25);
      }
    }
  });

  it('sees a restart that only the memory shows', () => {
    const said = play(
      plant({
        memory: (age, random) =>
          (age < 50 ? 70 * MIB + 2 * MIB * age : 40 * MIB) + programNoise(random, 0.5 * MIB),
        until: 64,
      }),
    );
    const last = said.at(-1)!.evidence;
    expect(last.classification).toBe('unknown');
    expect(last.measures['ageMs']).toBeLessThan(16 * 300_000);
  });

  it('lets a doubled limit move the time to OOM at the next analysis, in the same segment', () => {
    const said = play(
      plant({
        facts: (age) => (age >= 70 ? { memoryLimitBytes: 2 * LIMIT } : {}),
        until: 90,
      }),
    );
    const [before, after] = [68, 70].map((age) => said.find((each) => each.age === age)!.evidence);
    expect(before!.firing).toBe(true);
    expect(after!.measures['limitBytes']).toBe(2 * LIMIT);
    const gained =
      after!.measures['ttoMedianTimeToOomMs']! - before!.measures['ttoMedianTimeToOomMs']!;
    // 256 MiB more at 2 MiB per resolution, less the two resolutions between.
    expect(Math.abs(gained / 300_000 - 126)).toBeLessThan(12);
    expect(after!.firing).toBe(false);
    expect(after!.window.fromMs).toBe(before!.window.fromMs);
    expect(after!.classification).toBe('leak');
  });

  it('takes growth of the working set without the resident set for page cache', () => {
    const said = play(
      plant({ resident: (_, random) => 60 * MIB + programNoise(random, 0.5 * MIB), until: 90 }),
    );
    expect(firings(said)).toEqual([]);
    expect(said.find(({ age }) => age === 70)!.evidence.classification).toBe('cache-bounded');
    const both = play(
      plant({
        resident: (age, random) => 55 * MIB + 2 * MIB * age + programNoise(random, 0.5 * MIB),
        until: 90,
      }),
    );
    expect(firings(both).length).toBeGreaterThan(0);
  });

  it('judges what the process says of itself when nothing better is there', () => {
    const said = play(plant({ quantity: 'process.memory.usage' }));
    expect(firings(said).length).toBeGreaterThan(0);
    expect(said.at(-1)!.evidence.quantity).toBe('process.memory.usage');
  });
});

describe('MemoryLeak and what it does not know', () => {
  const nowMs = 1_000 * 300_000;
  const samples = {
    timeMs: Array.from({ length: 300 }, (_, i) => (940 + i / 5) * 300_000),
    value: Array.from({ length: 300 }, (_, i) => 60 * MIB + i * 0.4 * MIB),
  };
  const gauge = gaugeOf(samples, { resolutionMs: 300_000, nowMs, windowBuckets: 288 });
  const healthy: ContainerSpec = {
    facts: factsOf({ startedAtMs: 940 * 300_000 }),
    gauges: { 'container.memory.working_set': gauge },
  };
  const detect = (spec: ContainerSpec, atMs = nowMs): Evidence =>
    memoryLeak.bind({}, TRIGGER).detect(viewOf(300_000, [spec]), atMs)[0]!;

  it('judges the healthy case, so the rows below change something', () => {
    expect(detect(healthy).classification).toBe('leak');
  });

  it.each<[string, ContainerSpec, RegExp, number?]>([
    ['no sample', { ...healthy, gauges: {} }, /no memory figure/],
    [
      'no limit',
      { ...healthy, facts: factsOf({ startedAtMs: 940 * 300_000, memoryLimitBytes: null }) },
      /no memory limit/,
    ],
    ['not running', { ...healthy, facts: factsOf({ startedAtMs: null }) }, /not running/],
    ['too young', { ...healthy, facts: factsOf({ startedAtMs: 985 * 300_000 }) }, /too young/],
    ['stale', healthy, /not fresh/, nowMs + 400_000],
    ['from the future', healthy, /not fresh/, nowMs - 500_000],
  ])('is unknown and says so: %s', (_, spec, missing, atMs) => {
    const evidence = detect(spec, atMs);
    expect(evidence.classification).toBe('unknown');
    expect(evidence.firing).toBe(false);
    expect(evidence.summary).toMatch(missing);
    everyNumberIsSound(evidence);
    // Unknown is never "far away": no time to OOM is claimed.
    expect(Object.keys(evidence.measures).filter((name) => name.endsWith('TimeToOomMs'))).toEqual(
      [],
    );
  });

  it('is fresh until the older of 60 s and three intervals', () => {
    const slow = { ...gauge, sampleIntervalMs: 60_000, newestSampleMs: nowMs - 179_000 };
    expect(detect({ ...healthy, gauges: { 'container.memory.rss': slow } }).classification).toBe(
      'leak',
    );
    const older = { ...slow, newestSampleMs: nowMs - 181_000 };
    expect(detect({ ...healthy, gauges: { 'container.memory.rss': older } }).classification).toBe(
      'unknown',
    );
  });

  it('survives buckets with gaps, repeated and shuffled samples and wild values', () => {
    const value = fc.oneof(
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.constantFrom(0, 1e300, Number.MAX_VALUE, 5e-324),
    );
    const hostile = fc.array(fc.tuple(fc.double({ min: 930, max: 1_000, noNaN: true }), value), {
      minLength: 1,
      maxLength: 400,
    });
    fc.assert(
      fc.property(hostile, fc.double({ min: 1, max: 1e12, noNaN: true }), (rows, limit) => {
        const doubled = [...rows, ...rows.toReversed()];
        const wild = gaugeOf(
          {
            timeMs: doubled.map(([time]) => time * 300_000),
            value: doubled.map(([, bytes]) => bytes),
          },
          { resolutionMs: 300_000, nowMs, windowBuckets: 288 },
        );
        const evidence = detect({
          facts: factsOf({ startedAtMs: 935 * 300_000, memoryLimitBytes: limit }),
          gauges: { 'container.memory.working_set': { ...wild, newestSampleMs: nowMs } },
        });
        everyNumberIsSound(evidence);
      }),
      { numRuns: 200 },
    );
  });
});

describe('parameters of MemoryLeak', () => {
  it('have the defaults of the guide', () => {
    expect(memoryLeakParams.parse({})).toEqual({
      horizon: '30m',
      resolution: '5m',
      minSlopeBytesPerHour: 0,
    });
  });

  it.each([
    { resolution: '500ms' },
    { resolution: 'soon' },
    { horizon: '' },
    { horizon: '1d' },
    { minSlopeBytesPerHour: -1 },
    { minSlopeBytesPerHour: Number.NaN },
    { sensitivity: 3 },
  ])('refuse %o', (params) => {
    expect(memoryLeakParams.safeParse(params).success).toBe(false);
    expect(() => memoryLeak.bind(params, TRIGGER)).toThrow();
  });

  it('bind resolution to the view and the cadence, horizon to a measure only', () => {
    const bound = memoryLeak.bind({ resolution: '2s', horizon: '60s' }, TRIGGER);
    expect(bound.resolutionMs).toBe(2_000);
    expect(bound.analysisIntervalMs).toBe(4_000);
    const tell = (horizonMs: number) =>
      play(plant({ horizonMs })).map(({ evidence }) => [evidence.firing, evidence.classification]);
    expect(tell(1_000)).toEqual(tell(90 * 3_600_000));
  });

  it('ignore growth below minSlopeBytesPerHour', () => {
    const nowMs = 1_000 * 300_000;
    const spec = {
      facts: factsOf({ startedAtMs: 900 * 300_000 }),
      gauges: {
        'container.memory.working_set': gaugeOf(
          {
            timeMs: Array.from({ length: 500 }, (_, i) => (900 + i / 5) * 300_000),
            value: Array.from({ length: 500 }, (_, i) => 60 * MIB + i * 0.2 * MIB),
          },
          { resolutionMs: 300_000, nowMs, windowBuckets: 288 },
        ),
      },
    };
    const classify = (minSlopeBytesPerHour: number): string =>
      memoryLeak.bind({ minSlopeBytesPerHour }, TRIGGER).detect(viewOf(300_000, [spec]), nowMs)[0]!
        .classification;
    // 1 MiB per 5 minutes is 12 MiB an hour.
    expect(classify(11 * MIB)).toBe('leak');
    expect(classify(13 * MIB)).toBe('noise');
  });
});
