// SPDX-License-Identifier: Apache-2.0

/**
 * Collects up to `room.length` pairwise slopes in [low, high] into `room`.
 * @returns the number of slopes below `low` and within [low, high]
 */
const scan = (
  x: Float64Array,
  y: Float64Array,
  bracket: { low: number; high: number },
  room: Float64Array,
): { below: number; inside: number } => {
  const { low, high } = bracket;
  let below = 0;
  let inside = 0;
  for (let j = 1; j < y.length; j += 1) {
    const xj = x[j]!;
    const yj = y[j]!;
    for (let i = 0; i < j; i += 1) {
      const dx = xj - x[i]!;
      if (dx === 0) continue;
      const slope = (yj - y[i]!) / dx;
      if (slope < low) below += 1;
      else if (slope <= high) {
        if (inside < room.length) room[inside] = slope;
        inside += 1;
      }
    }
  }
  return { below, inside };
};

/** Returns the element of rank `rank` (0-based) among all pairwise slopes. */
const slopeOfRank = (x: Float64Array, y: Float64Array, rank: number): number => {
  const room = new Float64Array(Math.max(64, 8 * y.length));
  const bracket = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  for (;;) {
    const { below, inside } = scan(x, y, bracket, room);
    const kept = room.subarray(0, Math.min(inside, room.length)).sort();
    if (inside <= room.length) return kept[rank - below]!;
    // `kept` is only part of what lies inside: use one of its elements to cut the bracket. Its rank
    // is counted exactly, so a poor sample costs another pass, never a wrong answer.
    const at = Math.round(((rank - below) / inside) * (kept.length - 1));
    const pivot = kept[at]!;
    const cut = scan(x, y, { low: pivot, high: pivot }, room.subarray(0, 0));
    if (rank < cut.below) bracket.high = previous(pivot);
    else if (rank < cut.below + cut.inside) return pivot;
    else bracket.low = next(pivot);
  }
};

const bits = new DataView(new ArrayBuffer(8));

/** The next double above `value`. */
const next = (value: number): number => {
  if (value === 0) return Number.MIN_VALUE;
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + (value > 0 ? 1n : -1n));
  return bits.getFloat64(0);
};

const previous = (value: number): number => -next(-value);

/**
 * Returns the median of the slopes of all pairs of points with different x: a trend that up to 29 %
 * of wild points cannot break. NaN when there is no such pair. O(n^2) time, O(n) memory.
 *
 * Source: Sen, "Estimates of the regression coefficient based on Kendall's tau" (1968).
 */
export const theilSenSlope = (x: Float64Array, y: Float64Array): number => {
  let pairs = 0;
  for (let j = 1; j < y.length; j += 1) {
    for (let i = 0; i < j; i += 1) if (x[j] !== x[i]) pairs += 1;
  }
  if (pairs === 0) return Number.NaN;
  const upper = slopeOfRank(x, y, pairs >> 1);
  if (pairs % 2 === 1) return upper;
  return (slopeOfRank(x, y, (pairs >> 1) - 1) + upper) / 2;
};
