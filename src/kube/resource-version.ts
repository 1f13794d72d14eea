// SPDX-License-Identifier: Apache-2.0

/** etcd revisions are 64 bits wide; aggregated servers may use more. */
const DECIMAL = /^(?:0|[1-9][0-9]{0,127})$/;

/**
 * Compares two resourceVersions of the same resource type; across types the result has no meaning.
 *
 * @returns negative, zero or positive as `a` is older than, equal to or newer than `b`; `null` when either
 *   is not a decimal number, so that nothing is known of their order (equal strings are equal).
 *   Source: KEP-5504, comparable resource versions.
 */
export function compareResourceVersions(a: string, b: string): number | null {
  if (a === b) return 0;
  if (!(DECIMAL.test(a) && DECIMAL.test(b))) return null;
  const left = BigInt(a);
  const right = BigInt(b);
  return left < right ? -1 : 1;
}

/** Says that `a` is certainly older than `b`; unordered versions are not. */
export const isOlder = (a: string, b: string): boolean => {
  const order = compareResourceVersions(a, b);
  return order !== null && order < 0;
};

/** Picks the newer of two versions; of unordered ones the second, which was seen later. An empty one loses. */
export const newerResourceVersion = (seen: string, next: string): string => {
  if (next === '') return seen;
  return isOlder(next, seen) ? seen : next;
};
