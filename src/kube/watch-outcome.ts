// SPDX-License-Identifier: Apache-2.0
import { type ApiError, isExpired, isResourceVersionTooLarge } from './api-error.ts';
import type { SessionEnd } from './watch-session.ts';

/** How a watch ended, or that it was refused before it began. */
export type WatchOutcome =
  | Exclude<SessionEnd, { readonly kind: 'stopped' }>
  | { readonly kind: 'refused'; readonly error: ApiError };

/** What a reflector does next. */
export interface NextStep {
  /** `rewatch` goes on at the last resourceVersion, `relist` fetches everything again. */
  readonly action: 'rewatch' | 'relist';
  /** For a relist: `known` not older than what was seen, `latest` whatever the server has. */
  readonly from: 'known' | 'latest';
  readonly pause: boolean;
  /** Least pause in milliseconds, because the server asked for it. */
  readonly minimumMs: number;
  /** True: what is wrong will not heal by itself; users should see it. */
  readonly degraded: boolean;
}

/** A relist because something was not as expected. */
export const RELIST: NextStep = {
  action: 'relist',
  from: 'known',
  pause: true,
  minimumMs: 0,
  degraded: false,
};

/** A stream shorter than this without an event is suspicious (client-go: very short watch). */
const SHORT_WATCH_MS = 1_000;
/** Breaks at the same resourceVersion after which that version is no longer trusted. */
const MAX_BREAKS = 2;
const MAX_SERVER_ERRORS = 3;

const step = (action: NextStep['action'], rest: Partial<NextStep> = {}): NextStep => ({
  ...RELIST,
  action,
  ...rest,
});

const retryOrRelist = (failures: number, bound: number): NextStep =>
  step(failures >= bound ? 'relist' : 'rewatch');

function afterError(error: ApiError, failures: number, refused: boolean): NextStep {
  const minimumMs = error.retryAfterMs ?? 0;
  if (isResourceVersionTooLarge(error)) return step('relist', { from: 'latest', minimumMs });
  if (isExpired(error)) return step('relist');
  if (error.code === 404) return step('relist', { from: 'latest', degraded: true });
  if (error.code === 429) return step('rewatch', { minimumMs });
  if (error.code === 401 || error.code === 403) {
    return step(refused ? 'rewatch' : 'relist', { degraded: true });
  }
  if (error.code >= 500) {
    return { ...retryOrRelist(failures, MAX_SERVER_ERRORS), minimumMs };
  }
  if (error.code === 0 && refused) {
    return error.sent === 'no' ? step('rewatch') : retryOrRelist(failures, MAX_BREAKS);
  }
  return step('relist');
}

/**
 * Decides what follows the end of a watch (client-go: tools/cache/reflector.go, handleWatch).
 *
 * @param failures how many watches in a row broke or failed at this resourceVersion, this one included
 */
export function nextStep(outcome: WatchOutcome, failures: number): NextStep {
  switch (outcome.kind) {
    case 'closed':
      return outcome.events === 0 && outcome.lastedMs < SHORT_WATCH_MS
        ? step('relist')
        : step('rewatch', { pause: false });
    case 'idle':
      return step('rewatch', { pause: false });
    case 'broken':
      return retryOrRelist(failures, MAX_BREAKS);
    case 'error':
      return afterError(outcome.error, failures, false);
    case 'refused':
      return afterError(outcome.error, failures, true);
  }
}
