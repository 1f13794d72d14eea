// SPDX-License-Identifier: Apache-2.0
/**
 * Step 4: memory that follows the load is no leak, and memory that grows with every request is one
 * even when the growth in time is uneven.
 */
import { effectiveSampleSize, noiseAutocorrelation } from '../../theory/series/autocorrelation.ts';
import { at, mean } from '../../theory/series/element.ts';
import { fitRobust } from '../../theory/series/least-squares.ts';
import type { Floor } from './floor.ts';

/** The axis on which the floor is straightest, and the load beside it. */
export interface Axis {
  /** Time in buckets, or requests so far divided by their mean per bucket: so both count buckets. */
  readonly x: Float64Array;
  /** True: growth is per request. */
  readonly perRequest: boolean;
  /** Requests per bucket about their mean, [points]; `null`: not reported, or too even to matter. */
  readonly load: Float64Array | null;
}

/** Scatter of the load below which it explains nothing. */
const EVEN_LOAD = 0.03;
/** Scatter of the load below which time and requests cannot be told apart. */
const EVEN_CLOCK = 0.08;

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

/** Chooses the axis of a floor: time, unless the requests so far make the growth clearly steadier. */
export const chooseAxis = (floor: Floor): Axis => {
  const { x, y, requests } = floor;
  const level = requests === null ? 0 : mean(requests);
  if (requests === null || !(level > 0)) return { x, perRequest: false, load: null };
  const centred = requests.map((value) => value - level);
  const scatter = Math.sqrt(mean(centred.map((value) => value * value))) / level;
  const load = scatter > EVEN_LOAD ? centred : null;
  if (scatter < EVEN_CLOCK || load === null) return { x, perRequest: false, load };
  const clock = requestClock(x, requests, level);
  const ones = new Float64Array(x.length).fill(1);
  const byTime = fitRobust([ones, x, load], y);
  const byRequests = fitRobust([ones, clock, load], y);
  if (byTime === null || byRequests === null) return { x, perRequest: false, load };
  const rho = noiseAutocorrelation(byRequests.residuals, 3);
  const gain =
    effectiveSampleSize(x.length, rho) * Math.log(byTime.rss / Math.max(byRequests.rss, 1e-300));
  const perRequest = gain > 4 && at(byRequests.coefficients, 1) > 0;
  return { x: perRequest ? clock : x, perRequest, load };
};
