// SPDX-License-Identifier: Apache-2.0
/**
 * Steps 3b and 5: shapes that look like growth for a while. A curve that saturates is a warm-up, a
 * jump is a jump, a line that bends is a late onset or a cache that is full.
 */
import { effectiveSampleSize, noiseAutocorrelation } from '../../theory/series/autocorrelation.ts';
import { at } from '../../theory/series/element.ts';
import { fitLine } from '../../theory/series/least-squares.ts';
import {
  type BentLineFit,
  bayesianInformation,
  fitBentLine,
  fitSaturating,
  fitShifts,
} from '../../theory/series/shape.ts';

/** Time constants of the saturating curve as shares of its window. */
const TAUS = [0.15, 0.25, 0.4, 0.6, 0.9, 1.3, 2, 3] as const;
/** From this share of the window on, a curve is as good as a line. */
const LONG_TAU = 1.9;

/** What the comparison of a line with a saturating curve says. */
export interface Saturation {
  /** The curve is clearly better and ends below the limit. */
  readonly safe: boolean;
  /** The line is as good, or the curve is so long that it is a line. */
  readonly excluded: boolean;
}

/** Compares a line with a saturating curve on a floor. */
export const judgeSaturation = (
  x: Float64Array,
  y: Float64Array,
  limitBytes: number,
): Saturation => {
  const n = x.length;
  const start = at(x, 0);
  const shifted = x.map((value) => value - start);
  const width = at(shifted, n - 1);
  const curve = fitSaturating(
    shifted,
    y,
    TAUS.map((tau) => tau * width),
  );
  if (curve === null) return { safe: false, excluded: false };
  const line = fitLine(shifted, y);
  const rho = noiseAutocorrelation(
    y.map((value, i) => value - line.slope * at(shifted, i)),
    2,
  );
  const gain = effectiveSampleSize(n, rho) * Math.log(line.rss / Math.max(curve.rss, 1e-300));
  const inflation = Math.sqrt((1 + rho) / (1 - rho));
  const ceiling = curve.start + curve.rise + 2 * curve.riseError * inflation;
  return {
    safe: gain > 2 && curve.rise > 0 && ceiling < 0.97 * limitBytes,
    excluded: curve.tau >= LONG_TAU * width || gain < 0.5,
  };
};

/** The stretch of the floor that the present trend covers, and how it came about. */
export interface Regime {
  /** First point. */
  readonly from: number;
  /** `onset`: it began there; `bend`: it goes on from before, flatter; `whole`: no bend. */
  readonly kind: 'whole' | 'onset' | 'bend';
}

/** Fewest points that a stretch may have to be judged alone. */
const LEAST_POINTS = 10;

/** What the competition of shapes over the whole floor says. */
export interface ShapeVerdict {
  readonly regime: Regime;
  /** Of late the floor rises at less than half of its slope before. */
  readonly flattens: boolean;
  /** One or two jumps explain the floor better than anything that grows. */
  readonly jumped: boolean;
}

/** Both sides of a jump rise by themselves: then the jump is no explanation. */
const bothSidesRise = (x: Float64Array, y: Float64Array, cut: number): boolean => {
  const rises = (from: number, to: number): boolean => {
    const line = fitLine(x, y, from, to);
    const residuals = y.slice(from, to).map((value, i) => value - line.slope * at(x, from + i));
    const rho = noiseAutocorrelation(residuals, 2);
    return line.slope / (line.slopeError * Math.sqrt((1 + rho) / (1 - rho))) > 3;
  };
  return rises(0, cut) && rises(cut, y.length);
};

const regimeOf = (bent: BentLineFit | null, better: boolean, n: number): Regime => {
  if (bent === null || !better || n - bent.at < LEAST_POINTS) return { from: 0, kind: 'whole' };
  if (bent.after > 1.5 * bent.before) return { from: bent.at, kind: 'onset' };
  return bent.after < 0.67 * bent.before
    ? { from: bent.at, kind: 'bend' }
    : { from: 0, kind: 'whole' };
};

/** Lets a line, a bent line, a curve and jumps compete for the floor by the BIC. */
export const judgeShape = (x: Float64Array, y: Float64Array): ShapeVerdict => {
  const n = x.length;
  const start = at(x, 0);
  const shifted = x.map((value) => value - start);
  const width = at(shifted, n - 1);
  const bent = fitBentLine(x, y, Math.max(4, Math.floor(n / 12)));
  const curve = fitSaturating(
    shifted,
    y,
    TAUS.map((tau) => tau * width),
  );
  const line = fitLine(x, y);
  const smooth = bent !== null && curve !== null && curve.rss < bent.rss ? curve : bent;
  const rho = smooth === null ? 0 : noiseAutocorrelation(smooth.residuals, 4);
  const neff = Math.max(6, effectiveSampleSize(n, rho));
  const score = (fit: { readonly rss: number } | null, parameters: number): number =>
    fit === null ? Number.POSITIVE_INFINITY : bayesianInformation(fit.rss, neff, parameters);
  const byLine = score(line, 2);
  const byBend = score(bent, 4);
  const byCurve = score(curve, 3);
  const shifts = fitShifts(y);
  const byOne = score(shifts.one, 3);
  const byTwo = score(shifts.two, 5);
  const jumps = byOne <= byTwo ? shifts.one : shifts.two;
  const cut = jumps?.at.at(-1) ?? 0;
  const jumped =
    jumps !== null &&
    Math.min(byOne, byTwo) < Math.min(byLine, byBend, byCurve) &&
    !bothSidesRise(x, y, cut);
  const bends = bent !== null && byBend < Math.min(byLine - 2, byCurve);
  return {
    regime: regimeOf(bent, bends, n),
    flattens: bends && bent.after < 0.5 * bent.before && n - bent.at < LEAST_POINTS,
    jumped,
  };
};
