// SPDX-License-Identifier: Apache-2.0
/**
 * What the demo shortens so that a leak of hours fits into minutes. Every duration of the detector is
 * a multiple of `resolution`, so this is the same verdict on a faster clock. Budgets, breaker,
 * recurrence, minHealthy and storm are never shortened.
 */

/** Durations as the policy writes them, with the product's default beside each. */
export const TIMELINE = {
  resolution: { demo: '2s', default: '5m' },
  horizon: { demo: '60s', default: '30m' },
  settle: { demo: '30s', default: '2m' },
  'verify.initialDelay': { demo: '5s', default: '30s' },
  'verify.window': { demo: '20s', default: '10m' },
  'verify.interval': { demo: '2s', default: '15s' },
  'cooldown.perTarget': { demo: '30s', default: '10m' },
  'cooldown.perAction': { demo: '10s', default: '5m' },
  timeout: { demo: '60s', default: '10m' },
} as const;

/** The leak: what the driver sends and what the program keeps of it. */
export const LEAK = {
  requestsPerSecond: 12,
  /** 12 requests a second keep 1.2 MiB a second. */
  bytesPerRequest: Math.round((1.2 * 2 ** 20) / 12),
  baseBytes: 60 * 2 ** 20,
  limitText: '256Mi',
  limitBytes: 256 * 2 ** 20,
  exportIntervalMs: 400,
} as const;

/** Says what is shortened, one row each. */
export const shortenedRows = (): readonly string[] =>
  Object.entries(TIMELINE).map(
    ([field, { demo, default: usual }]) =>
      `${field.padEnd(22)} ${demo.padEnd(6)} (default ${usual})`,
  );
