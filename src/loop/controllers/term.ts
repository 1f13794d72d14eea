// SPDX-License-Identifier: Apache-2.0
import type { Loop } from '../loop.ts';

/** What a term is made of. */
export interface TermOptions {
  readonly loop: Pick<Loop, 'lead' | 'idle'>;
  /** Makes telemetry come here; ends soon after the signal aborts. */
  readonly label: (signal: AbortSignal) => Promise<void>;
  /** Aborts when the term ends. */
  readonly signal: AbortSignal;
  /** Aborts when a record was met that belongs to a newer leader. */
  readonly fenced: AbortSignal;
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/**
 * Leads until the term ends or turns out to be an old one; resolves when nothing is under way any more.
 * @throws when a record carries a higher epoch: whatever the Lease says, such a leader can write nothing.
 * The Lease must then be given up, so that the next term begins above that epoch.
 */
export const runTerm = async ({ loop, label, signal, fenced }: TermOptions): Promise<void> => {
  const ending = AbortSignal.any([signal, fenced]);
  loop.lead(ending);
  await Promise.all([label(ending), untilAborted(ending)]);
  await loop.idle();
  if (!signal.aborted) throw new Error('a record carries the epoch of a newer leader');
};
