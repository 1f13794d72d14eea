// SPDX-License-Identifier: Apache-2.0

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The pattern of a duration in our kinds, as the CRDs publish it, for example `1h30m` or `400ms`. */
export const DURATION_PATTERN = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$';

const DURATION = new RegExp(DURATION_PATTERN);

/**
 * Reads a duration such as `90s`, `1h30m` or `400ms`.
 * @returns milliseconds
 * @throws RangeError when the text does not match {@link DURATION_PATTERN}
 */
export const durationMs = (text: string): number => {
  if (text.length > 32 || !DURATION.test(text)) {
    throw new RangeError(`must be a duration such as 90s or 1h30m, got ${JSON.stringify(text)}`);
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_MS[unit as string] as number);
  }
  return total;
};

/** Writes milliseconds for a person: `2h 5m`, `90s`, `400ms`; not meant to be read back. */
export const humanDuration = (ms: number): string => {
  if (!Number.isFinite(ms)) return 'never';
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
};
