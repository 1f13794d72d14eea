// SPDX-License-Identifier: Apache-2.0

const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * Reads a Kubernetes quantity such as `256Mi`, `1e3` or `128974848`.
 * @returns the number in base units, or `null` when the text is no quantity
 */
export const parseQuantity = (text: string): number | null => {
  const match =
    /^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([eE][+-]?[0-9]{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(
      text,
    );
  if (match === null) return null;
  const value = Number(`${match[1]}${match[2] ?? ''}`) * (FACTORS[match[3] ?? ''] as number);
  return Number.isFinite(value) ? value : null;
};
