// SPDX-License-Identifier: Apache-2.0

/** Why a sample or a request increment did not enter a window: a label value of the drop counter. */
export const DROP_REASONS = [
  /** Not a number of bytes or requests, or no usable time. */
  'invalid',
  /** The resource names no pod. */
  'no_identity',
  /** It names a pod that the API server does not have. */
  'unknown_pod',
  /** It names the uid of one pod and the name or namespace of another. */
  'identity_conflict',
  /** The pod has no container of that name. */
  'unknown_container',
  /** It names no container, and the pod has several. */
  'ambiguous_container',
  /** No policy selects the container. */
  'unselected',
  /** From before the pod, or the running container, existed. */
  'before_start',
  /** Ahead of our clock by more than the tolerance. */
  'future',
  /** Older than what can still be put in its place. */
  'late',
  /** This series has this value at this time. */
  'duplicate',
  /** This series has another value at this time; the first one stays. */
  'contradiction',
  /** Another sender speaks for this quantity of the container, and has not fallen silent. */
  'rival',
  /** The container sends more samples per second than one container may. */
  'rate',
  /** The number of containers with windows is at its limit. */
  'capacity',
  /** The memory for windows is at its limit. */
  'memory',
] as const;

/** One of {@link DROP_REASONS}. */
export type DropReason = (typeof DROP_REASONS)[number];

/** How many samples were dropped, by reason; a missing reason is 0. */
export type DropCounts = Partial<Record<DropReason, number>>;

/**
 * What the sender is told of, since it can do something about it. A pod that nobody selected is no
 * fault of the sender, a duplicate is how a retry looks, and what we know of pods is not told to
 * whoever asks by guessing names.
 */
const REPORTED: Partial<Record<DropReason, string>> = {
  invalid: 'not a finite, non-negative value at a time after 1970',
  future: 'ahead of the clock',
  late: 'too late',
  contradiction: 'another value at the same time',
  rate: 'above the rate of one container',
  capacity: 'no room for another container',
  memory: 'no memory for another series',
};

/** Adds counts to a total. */
export const addDrops = (total: DropCounts, more: DropCounts): void => {
  for (const reason of DROP_REASONS) {
    const count = more[reason];
    if (count !== undefined) total[reason] = (total[reason] ?? 0) + count;
  }
};

/** Returns what a sender must hear of the drops: their number, and a sentence; 0 and empty for none. */
export const reportToSender = (
  dropped: DropCounts,
): { readonly rejected: number; readonly message: string } => {
  const parts: string[] = [];
  let rejected = 0;
  for (const reason of DROP_REASONS) {
    const text = REPORTED[reason];
    const count = dropped[reason] ?? 0;
    if (text === undefined || count === 0) continue;
    rejected += count;
    parts.push(`${count} ${text}`);
  }
  return { rejected, message: parts.join(', ') };
};
