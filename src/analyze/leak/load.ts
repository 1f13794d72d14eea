// SPDX-License-Identifier: Apache-2.0
/**
 * Step 4: memory that follows the load is no leak, and memory that grows with every request is one
 * even when its growth in time is uneven. Over less than a few days both can mimic a curve in time,
 * so they are believed only where they explain the floor better than a bend or a curve does.
 */
import { effectiveSampleSize, noiseAutocorrelation } from '../../theory/series/autocorrelation.ts';
import { at, mean } from '../../theory/series/element.ts';
import { fitLeastSquares } from '../../theory/series/least-squares.ts';
import { bayesianInformation, fitBentLine, fitSaturating } from '../../theory/series/shape.ts';
import type { Floor, Requests } from './floor.ts';

/** The axis on which the floor is straightest, and the load beside it. */
export interface Axis {
  /** Time in buckets, or requests so far divided by their mean per bucket: so both count buckets. */
  readonly x: Float64Array;
  /** True: growth is per request. */
  readonly perRequest: boolean;
  /** Requests per bucket about their mean, [points]; `null`: not reported, or no explanation. */
  readonly load: Float64Array | null;
  /** Bytes for one request per bucket more, not negative. */
  readonly loadEffect: number;
}

/** Scatter of the load below which it explains nothing. */
const EVEN_LOAD = 0.03;
/** Scatter of the load below which time and requests cannot be told apart. */
const EVEN_CLOCK = 0.08;
/** Time constants of the competing curve as shares of the window. */
const TAUS = [0.15, 0.3, 0.6, 1.2] as const;
/** Lags in buckets at which memory may follow its load. */
const LAGS = [0, 0.5, 1, 1.5, 2, 3] as const;
/** Share of the floor's variation that a load may leave over and still account for the growth. */
const LEFT_OVER = 0.02;
/** Share of the floor's rise that may be left in what the load leaves over. */
const LEFT_RISE = 0.1;
/** Lead of the BIC that a load or a request clock needs over the best shape in time alone. */
const CLEAR = 2;

/** The requests so far at each point, scaled to buckets: the clock that ticks with the requests. */
const requestClock = (x: Float64Array, requests: Float64Array, level: number): Float64Array => {
  const clock = new Float64Array(x.length);
  for (let i = 1; i < x.length; i += 1) {
    const step = at(x, i) - at(x, i - 1);
    const rate = (at(requests, i) + at(requests, i - 1)) / 2;
    clock[i] = at(clock, i - 1) + (step * rate) / level;
  }
  return clock.map((value) => value + at(x, 0));
};

/** One explanation of the floor. */
interface Candidate {
  readonly rss: number;
  readonly parameters: number;
  readonly residuals: Float64Array;
  readonly loadEffect: number;
}

/** Line, bent line and curve over x, with the load or without. */
const shapesOver = (
  x: Float64Array,
  y: Float64Array,
  load: Float64Array | null,
): readonly Candidate[] => {
  const extra = load === null ? [] : [load];
  const more = extra.length;
  const start = at(x, 0);
  const shifted = x.map((value) => value - start);
  const width = at(shifted, x.length - 1);
  const line = fitLeastSquares([new Float64Array(x.length).fill(1), shifted, ...extra], y);
  const bent = fitBentLine(x, y, Math.max(4, Math.floor(x.length / 12)), extra);
  const curve = fitSaturating(
    shifted,
    y,
    TAUS.map((tau) => tau * width),
    extra,
  );
  return [
    line && { ...line, parameters: 2 + more, loadEffect: more && at(line.coefficients, 2) },
    bent && { ...bent, parameters: 4 + more, loadEffect: more && at(bent.extra, 0) },
    curve && { ...curve, parameters: 3 + more, loadEffect: more && at(curve.extra, 0) },
  ].filter((each) => each !== null);
};

/** The values at each point a part of a bucket earlier, by linear interpolation; the first one holds. */
const lagged = (x: Float64Array, values: Float64Array, lag: number): Float64Array => {
  let before = 0;
  return x.map((point, i) => {
    const wanted = point - lag;
    while (before < i && at(x, before + 1) <= wanted) before += 1;
    if (wanted <= at(x, 0) || before === i) return at(values, before);
    const share = (wanted - at(x, before)) / (at(x, before + 1) - at(x, before));
    return at(values, before) + share * (at(values, before + 1) - at(values, before));
  });
};

/** The load with or without lag about its mean, whichever goes best with the floor beside a line. */
const betterLoad = (
  floor: Floor,
  requests: Requests,
): { readonly load: Float64Array; readonly scatter: number } | null => {
  const ones = new Float64Array(floor.x.length).fill(1);
  const series = [...LAGS.map((lag) => lagged(floor.x, requests.now, lag)), requests.lately];
  const variants = series.map((values) => {
    const level = mean(values);
    const load = values.map((value) => value - level);
    const scatter = Math.sqrt(mean(load.map((value) => value * value))) / level;
    const rss = fitLeastSquares([ones, floor.x, load], floor.y)?.rss ?? Number.POSITIVE_INFINITY;
    return { load, scatter, rss };
  });
  const [now] = variants;
  if (now === undefined || !(now.scatter > EVEN_LOAD)) return null;
  return variants.reduce((best, each) => (each.rss < best.rss ? each : best), now);
};

/** The load as the only reason. */
const loadAlone = (y: Float64Array, load: Float64Array): Candidate[] => {
  const fit = fitLeastSquares([new Float64Array(y.length).fill(1), load], y);
  return fit === null ? [] : [{ ...fit, parameters: 2, loadEffect: at(fit.coefficients, 1) }];
};

/** Rise of the straight line through a part of the values, over that part. */
const riseOf = (x: Float64Array, values: Float64Array, from: number): number => {
  const part = x.subarray(from);
  const line = fitLeastSquares(
    [new Float64Array(part.length).fill(1), part],
    values.subarray(from),
  );
  return line === null
    ? Number.POSITIVE_INFINITY
    : at(line.coefficients, 1) * (at(part, part.length - 1) - at(part, 0));
};

/**
 * Tells whether the load by itself accounts for the growth: nearly all of the floor's variation, and
 * what it leaves over does not rise, least of all lately. Memory follows its load late and smoothed, so
 * a bend in time may well fit better; as long as nothing is left to grow that is no reason for a leak.
 */
const accountsForGrowth = ({ x, y }: Floor, alone: Candidate): boolean => {
  const level = mean(y);
  const total = mean(y.map((value) => (value - level) ** 2)) * y.length;
  if (!(alone.rss < LEFT_OVER * total)) return false;
  const rise = riseOf(x, y, 0);
  const lately = Math.floor((2 * x.length) / 3);
  return [0, lately].every((from) => riseOf(x, alone.residuals, from) < LEFT_RISE * rise);
};

/** Chooses the axis of a floor: time alone, unless load or requests explain it clearly better. */
export const chooseAxis = (floor: Floor): Axis => {
  const { x, y, requests } = floor;
  const plain: Axis = { x, perRequest: false, load: null, loadEffect: 0 };
  const found = requests === null ? null : betterLoad(floor, requests);
  if (requests === null || found === null) return plain;
  const { load, scatter } = found;

  const byTime = shapesOver(x, y, null);
  const byLoad = shapesOver(x, y, load).filter((each) => each.loadEffect > 0);
  const alone = loadAlone(y, load).filter((each) => each.loadEffect > 0);
  const clock = scatter > EVEN_CLOCK ? requestClock(x, requests.now, mean(requests.now)) : null;
  const byClock = clock === null ? [] : shapesOver(clock, y, null).slice(0, 1);
  const all = [...byTime, ...byLoad, ...byClock];
  const least = all.reduce(
    (best, each) => (each.rss < best.rss ? each : best),
    all[0] as Candidate,
  );
  const rho = noiseAutocorrelation(least.residuals, least.parameters);
  const neff = Math.max(6, effectiveSampleSize(x.length, rho));
  const score = ({ rss, parameters }: Candidate): number =>
    bayesianInformation(rss, neff, parameters);
  const best = (some: readonly Candidate[]): number => Math.min(...some.map(score));

  // A load that runs along with time explains as much as time does: then it has the benefit of the
  // doubt, for memory that follows its load is the normal case.
  const [only] = alone;
  if (only !== undefined && accountsForGrowth(floor, only)) {
    return { x, perRequest: false, load, loadEffect: only.loadEffect };
  }
  const others = Math.min(best(byTime), best(byLoad), best(byClock));
  if (only !== undefined && score(only) < others + CLEAR) {
    return { x, perRequest: false, load, loadEffect: only.loadEffect };
  }
  if (clock !== null && best(byClock) < Math.min(best(byTime), best(byLoad)) - CLEAR) {
    return { x: clock, perRequest: true, load: null, loadEffect: 0 };
  }
  const bestWithLoad = byLoad.find((each) => score(each) === best(byLoad));
  if (bestWithLoad === undefined || score(bestWithLoad) > best(byTime) - CLEAR) return plain;
  return { x, perRequest: false, load, loadEffect: bestWithLoad.loadEffect };
};
