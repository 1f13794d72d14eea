// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';

/** Returns a value when the condition holds, and undefined or false while it does not. */
export type Check<Value> = () => Promise<Value | undefined | false> | Value | undefined | false;

/**
 * Polls until `check` returns a value other than undefined and false, and returns it. An error of
 * the check counts as "not yet". Throws after `deadlineMs`, naming the description and the last
 * error. Polls after 20 ms, then less and less often, at most five times a second at the end.
 */
export const waitFor = async <Value>(
  description: string,
  check: Check<Value>,
  deadlineMs = 60_000,
): Promise<Value> => {
  const end = performance.now() + deadlineMs;
  let pauseMs = 20;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > end) {
      throw new Error(`not within ${deadlineMs / 1000} s: ${description}${reasonOf(lastError)}`, {
        cause: lastError,
      });
    }
    await sleep(pauseMs);
    pauseMs = Math.min(200, pauseMs * 1.3);
  }
};

const reasonOf = (error: unknown): string =>
  error === undefined ? '' : ` (${error instanceof Error ? error.message : String(error)})`;
