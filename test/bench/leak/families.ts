// SPDX-License-Identifier: Apache-2.0
/**
 * Memory curves of known kind: nine families that leak and ten that only look as if. One seed is one
 * series, on every machine. Memory in shares of the limit, time in samples of one minute.
 */
import { Random, seedOf } from '../../../src/theory/series/random.ts';

/** Families that leak. */
export const POSITIVE = [
  'P_lin',
  'P_load',
  'P_gc',
  'P_stair',
  'P_accel',
  'P_late',
  'P_restart',
  'P_slow',
  'P_cyc',
] as const;

/** Families that do not. */
export const NEGATIVE = [
  'N_flat',
  'N_gc',
  'N_warm',
  'N_daily',
  'N_ramp',
  'N_step',
  'N_ou',
  'N_cache',
  'N_spike',
  'N_roll',
] as const;

/** Name of a family. */
export type Family = (typeof POSITIVE)[number] | (typeof NEGATIVE)[number];

/** `standard`: half of the positives also warm up. `hard`: half of the negatives too. */
export type Variant = 'standard' | 'hard' | 'rough';

/** One life of one container. */
export interface Life {
  /** First sample and one past the last. */
  readonly from: number;
  readonly to: number;
  /** Sample at which the leak begins; Infinity in a negative. */
  readonly onset: number;
  /** It ended out of memory. */
  readonly oom: boolean;
  /** Number of the pod, and restarts inside it. */
  readonly pod: number;
  readonly restartCount: number;
  /** The leak's share of the growth by the end, in shares of the limit. */
  readonly growth: number;
}

/** A generated series. */
export interface Trace {
  readonly family: Family;
  readonly variant: Variant;
  readonly seed: number;
  readonly positive: boolean;
  /** Memory as a share of the limit; NaN: the sample is missing. */
  readonly memory: Float64Array;
  /** Requests in each minute. */
  readonly requests: Float64Array;
  readonly lives: readonly Life[];
  /** Standard deviation of the noise of single samples, share of the limit. */
  readonly noise: Float64Array;
  /** Constant slope of the leak in shares of the limit per minute; NaN where it is not constant. */
  readonly slope: number;
}

const HOUR = 60;
const DAY = 1_440;

/** What all families of one seed have in common. */
interface Setting {
  readonly random: Random;
  readonly length: number;
  readonly base: number;
  /** Requests a minute, with the daily wave, the ramp and 8 % noise. */
  readonly load: Float64Array;
  /** Load smoothed over five minutes relative to its range: -0.5..0.5 about. */
  readonly swing: Float64Array;
  readonly family: Family;
  readonly ttoMinutes: number;
}

const drawLoad = (random: Random, length: number, ramp: boolean): Float64Array => {
  const level = random.logBetween(20, 500);
  const amplitude = random.between(0.2, 0.7);
  const phase = random.between(0, DAY);
  return Float64Array.from({ length }, (_, i) => {
    const wave = 1 + amplitude * Math.sin((2 * Math.PI * (i + phase)) / DAY);
    const growth = ramp ? 1 + (2 * i) / length : 1;
    return Math.max(0, Math.round(level * wave * growth * (1 + 0.08 * random.normal())));
  });
};

/** Memory follows the load with a lag of five minutes; scaled so that its range is 1. */
const swingOf = (load: Float64Array): Float64Array => {
  const smooth = new Float64Array(load.length);
  let state = load[0]!;
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (let i = 0; i < load.length; i += 1) {
    state += (load[i]! - state) / 5;
    smooth[i] = state;
    low = Math.min(low, state);
    high = Math.max(high, state);
  }
  return smooth.map((value) => (value - low) / (high - low));
};

/** A curve: memory above base in shares of the limit, as a function of the sample. */
type Curve = (i: number) => number;

const saw = (random: Random): Curve => {
  const height = random.between(0.05, 0.25);
  const period = random.logBetween(3, 60);
  const phase = random.between(0, period);
  return (i) => height * (((i + phase) % period) / period);
};

const warmUp = (random: Random): Curve => {
  const tau = random.logBetween(15, 240);
  const height = random.between(0.05, 0.25);
  return (i) => -height * Math.expm1(-i / tau);
};

const walk = (random: Random, length: number): Curve => {
  const tau = random.between(1, 5) * HOUR;
  const deviation = random.between(0.02, 0.06);
  const keep = Math.exp(-1 / tau);
  const values = new Float64Array(length);
  let state = deviation * random.normal();
  for (let i = 0; i < length; i += 1) {
    state = keep * state + deviation * Math.sqrt(1 - keep * keep) * random.normal();
    values[i] = state;
  }
  return (i) => values[i]!;
};

const spikes = (random: Random, length: number): Curve => {
  const values = new Float64Array(length);
  for (let at = random.between(0, 4 * HOUR); at < length; at += random.between(2, 6) * HOUR) {
    const height = random.between(0.1, 0.3);
    const tau = random.between(5, 40);
    for (let i = Math.ceil(at); i < length; i += 1)
      values[i]! += height * Math.exp(-(i - at) / tau);
  }
  return (i) => values[i]!;
};

/** Floor of the leak since its onset, in shares of the limit, for a headroom to fill in `tto`. */
const leakOf = (setting: Setting, headroom: number): Curve => {
  const { random, family, ttoMinutes, load } = setting;
  if (family === 'P_slow') {
    const slope = random.between(0.06, 0.2) / DAY;
    return (i) => slope * i;
  }
  const slope = headroom / ttoMinutes;
  if (family === 'P_accel') return (i) => headroom * (i / ttoMinutes) ** 2;
  if (family === 'P_stair') {
    const gap = random.between(30, 120);
    return (i) => slope * gap * Math.floor(i / gap);
  }
  if (family === 'P_load') {
    const sums = new Float64Array(load.length + 1);
    for (let i = 0; i < load.length; i += 1) sums[i + 1] = sums[i]! + load[i]!;
    const level = sums[load.length]! / load.length;
    return (i) => (slope * sums[Math.min(i, load.length)]!) / level;
  }
  return (i) => slope * i;
};

const negativeOf = (setting: Setting): Curve => {
  const { random, family, length, swing } = setting;
  const size = random.between(0.1, 0.35);
  if (family === 'N_gc') return saw(random);
  if (family === 'N_warm') return warmUp(random);
  if (family === 'N_daily' || family === 'N_ramp') return (i) => size * swing[i]!;
  if (family === 'N_step') {
    const height = random.between(0.08, 0.3);
    const at = random.between(0.25, 0.75) * length;
    return (i) => (i >= at ? height : 0);
  }
  if (family === 'N_ou') return walk(random, length);
  if (family === 'N_cache') {
    const full = random.between(0.2, 0.8) * length;
    return (i) => size * Math.min(1, i / full);
  }
  if (family === 'N_spike') return spikes(random, length);
  return () => 0;
};

const drawNoise = (
  random: Random,
  length: number,
): { correlated: Float64Array; all: Float64Array } => {
  const phi = random.between(0, 0.9);
  const sigma = random.logBetween(0.002, 0.02);
  const correlated = new Float64Array(length);
  let state = sigma * random.normal();
  for (let i = 0; i < length; i += 1) {
    state = phi * state + sigma * Math.sqrt(1 - phi * phi) * random.normal();
    correlated[i] = state;
  }
  const all = correlated.map((value) =>
    random.uniform() < 0.01 ? value + random.between(0, 0.03) : value,
  );
  return { correlated, all };
};

/** Splits the trace into lives for the families that restart; all others have one. */
const negativeLives = (setting: Setting): Life[] => {
  const { random, family, length } = setting;
  const quiet = { onset: Number.POSITIVE_INFINITY, oom: false, restartCount: 0, growth: 0 };
  if (family !== 'N_roll') return [{ ...quiet, from: 0, to: length, pod: 0 }];
  const every = random.between(4, 10) * HOUR;
  return Array.from({ length: Math.ceil(length / every) }, (_, pod) => ({
    ...quiet,
    pod,
    from: Math.round(pod * every),
    to: Math.min(length, Math.round((pod + 1) * every)),
  }));
};

const drawNegative = (setting: Setting, variant: Variant, noise: Float64Array) => {
  const { random, base, length } = setting;
  const curve = negativeOf(setting);
  const lives = negativeLives(setting);
  const warm = variant === 'hard' && random.uniform() < 0.5 ? warmUp(random) : () => 0;
  const memory = new Float64Array(length);
  let peak = 0;
  for (const life of lives) {
    for (let i = life.from; i < life.to; i += 1) {
      memory[i] = Math.max(0.01, base + curve(i) + warm(i - life.from) + noise[i]!);
      peak = Math.max(peak, memory[i]!);
    }
  }
  // What does not leak does not run out of memory either.
  const scale = Math.min(1, 0.93 / peak);
  return { memory: memory.map((value) => value * scale), lives, slope: Number.NaN };
};

const drawPositive = (setting: Setting, noise: Float64Array) => {
  const { random, base, length, family, swing } = setting;
  const warm = random.uniform() < 0.5 ? warmUp(random) : () => 0;
  const extra = family === 'P_gc' ? saw(random) : () => 0;
  const size = family === 'P_cyc' ? random.between(0.1, 0.35) : 0;
  // Start-up and swing must leave room for the leak.
  const low = Math.min(base, 0.85 - size - warm(length) - (family === 'P_gc' ? 0.25 : 0));
  const leak = leakOf(setting, 1 - low);
  const late = family === 'P_late' ? Math.round(random.between(0.2, 0.5) * length) : 0;
  const memory = new Float64Array(length);
  const lives: Life[] = [];
  let from = 0;
  let end = length;
  for (let i = 0; i < length; i += 1) {
    const since = Math.max(0, i - from - late);
    memory[i] = Math.max(
      0.01,
      low + leak(since) + warm(i - from) + extra(i) + size * swing[i]! + noise[i]!,
    );
    const oom = memory[i]! >= 1;
    if (!oom && i < length - 1) continue;
    lives.push({
      from,
      to: i + 1,
      onset: from + late,
      oom,
      pod: 0,
      restartCount: lives.length,
      growth: leak(since),
    });
    end = i + 1;
    if (family !== 'P_restart') break;
    from = i + 1;
  }
  const constant = !['P_load', 'P_stair', 'P_accel'].includes(family);
  return { memory: memory.slice(0, end), lives, slope: constant ? leak(1) : Number.NaN };
};

/** Draws the series of one family, variant and seed. */
export const drawTrace = (family: Family, variant: Variant, seed: number): Trace => {
  const random = new Random(seedOf(`${family}/${seed}`));
  const length = Math.round(random.between(12, 30) * HOUR);
  const load = drawLoad(random, length, family === 'N_ramp');
  const { correlated, all } = drawNoise(random, length);
  const setting: Setting = {
    random,
    length,
    base: random.between(0.15, 0.45),
    load,
    swing: swingOf(load),
    family,
    ttoMinutes: random.logBetween(3, 30) * HOUR,
  };
  const positive = family.startsWith('P_');
  const drawn = positive ? drawPositive(setting, all) : drawNegative(setting, variant, all);
  if (variant === 'rough') {
    const share = random.between(0, 0.1);
    for (let i = 0; i < drawn.memory.length; i += 1) {
      if (random.uniform() < share) drawn.memory[i] = Number.NaN;
    }
  }
  return { ...drawn, family, variant, seed, positive, requests: load, noise: correlated };
};
