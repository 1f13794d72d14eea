// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { firings, MIB, type Plant, play, programNoise } from './simulate.ts';

const SEEDS = [1, 2, 3, 4, 5, 6];
const LIMIT = 256 * MIB;

/** 1.2 MiB/s from 60 MiB under 256 MiB, sampled each 400 ms: out of memory after 163 s. */
const fastLeak = (seed: number): Plant => ({
  seed,
  resolutionMs: 2_000,
  horizonMs: 60_000,
  limitBytes: LIMIT,
  memory: (age, random) => 60 * MIB + 1.2 * MIB * 2 * age + programNoise(random, 0.5 * MIB),
  until: 81,
});

describe('a leak of 1.2 MiB/s at resolution 2s', () => {
  it.each(SEEDS)('has no verdict before 36 s and fires by about 110 s, seed %d', (seed) => {
    const said = play(fastLeak(seed));
    for (const { age, evidence } of said) {
      expect(evidence.measures['reachedMinimumAge']).toBe(age >= 18 ? 1 : 0);
      if (age < 18) expect(evidence.classification).toBe('unknown');
    }
    expect(said.find(({ age }) => age === 18)?.evidence.classification).not.toBe('unknown');
    const [first] = firings(said);
    expect(first).toBeDefined();
    // In resolutions of 2 s: not before 80 s, and no later than 114 s.
    expect(first).toBeGreaterThan(40);
    expect(first).toBeLessThanOrEqual(57);
    const { measures, classification } = said.find(({ age }) => age === first)!.evidence;
    expect(classification).toBe('leak');
    expect(measures['confirmations']).toBe(3);
    const slope = measures['slopeBytesPerSecond']!;
    expect(Math.abs(slope / (1.2 * MIB) - 1)).toBeLessThan(0.05);
  });

  it.each(SEEDS)('has a lower bound below the horizon of 60 s by 112 s, seed %d', (seed) => {
    const said = play(fastLeak(seed));
    const acts = said.find(
      ({ evidence }) => evidence.firing && evidence.measures['lower80TimeToOomMs']! < 60_000,
    );
    expect(acts).toBeDefined();
    expect(2 * acts!.age).toBeLessThanOrEqual(114);
    expect(acts!.evidence.measures['horizonMs']).toBe(60_000);
    // From then on it stays so until the end.
    for (const { age, evidence } of said.filter((each) => each.age > acts!.age)) {
      expect(evidence.firing, `at ${age}`).toBe(true);
    }
  });
});

/** Each row: what looks like a leak and is none; it must never fire. */
const INNOCENT: readonly (readonly [string, Omit<Plant, 'seed'>])[] = [
  [
    'a cache that fills linearly by 35 % of the limit in 40 resolutions from 30 %',
    {
      resolutionMs: 2_000,
      horizonMs: 60_000,
      limitBytes: LIMIT,
      memory: (age, random) =>
        LIMIT * (0.3 + 0.35 * Math.min(1, age / 40)) + programNoise(random, 0.5 * MIB),
      until: 160,
    },
  ],
  [
    'a warm-up by 25 % with a time constant of 12 resolutions',
    {
      resolutionMs: 2_000,
      horizonMs: 60_000,
      limitBytes: LIMIT,
      memory: (age, random) =>
        LIMIT * (0.3 - 0.25 * Math.expm1(-age / 12)) + programNoise(random, 0.5 * MIB),
      until: 160,
    },
  ],
  [
    'a load ramp x3 with a swing of 35 % and exported request counts',
    {
      resolutionMs: 2_000,
      horizonMs: 60_000,
      limitBytes: LIMIT,
      memory: (age, random) =>
        LIMIT * (0.3 + 0.175 * (rampLoad(age) / 100 - 1)) + programNoise(random, 0.5 * MIB),
      load: (age) => rampLoad(age),
      until: 160,
    },
  ],
];

/** From 100 to 300 requests per resolution, with the unevenness of real traffic. */
const rampLoad = (age: number): number =>
  100 * (1 + 2 * Math.min(1, Math.max(0, age - 10) / 120)) * (1 + 0.06 * Math.sin(age * 1.7));

describe('left alone', () => {
  it.each(INNOCENT)('%s', (_, plant) => {
    for (const seed of SEEDS) {
      const said = play({ ...plant, seed });
      expect(firings(said), `seed ${seed}`).toEqual([]);
    }
  });

  it('calls no warm-up a leak for long, and the ramp load growth', () => {
    for (const seed of SEEDS.slice(0, 3)) {
      const classes = (index: number, from: number, to: number): string[] =>
        play({ ...INNOCENT[index]![1], seed })
          .filter(({ age }) => age >= from && age < to)
          .map(({ evidence }) => evidence.classification);
      const warm = classes(1, 18, 160);
      const leaks = warm.filter((name) => name.startsWith('leak'));
      expect(leaks.length, `seed ${seed}`).toBeLessThan(0.05 * warm.length);
      const ramp = classes(2, 30, 130);
      const growth = ramp.filter((name) => name === 'load-growth');
      expect(growth.length, `seed ${seed}`).toBeGreaterThan(0.9 * ramp.length);
    }
  });

  it('has something to resist: the same cache without its cap fires', () => {
    const [, plant] = INNOCENT[0]!;
    const endless: Plant = {
      ...plant,
      seed: 1,
      memory: (age, random) => LIMIT * (0.3 + (0.35 * age) / 40) + programNoise(random, 0.5 * MIB),
      until: 78,
    };
    expect(firings(play(endless)).length).toBeGreaterThan(0);
  });
});
