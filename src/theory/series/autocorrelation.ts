// SPDX-License-Identifier: Apache-2.0

/**
 * Returns the lag-1 autocorrelation about the mean, in [-1, 1]; 0 for a constant or for fewer than
 * three values.
 *
 * Source: Box, Jenkins and Reinsel, "Time Series Analysis" (2008), 2.1.5.
 */
export const lagOneAutocorrelation = (values: Float64Array): number => {
  const n = values.length;
  if (n < 3) return 0;
  let mean = 0;
  for (const value of values) mean += value / n;
  let variance = 0;
  let covariance = 0;
  for (let i = 0; i < n; i += 1) {
    const here = values[i]! - mean;
    variance += here * here;
    if (i > 0) covariance += here * (values[i - 1]! - mean);
  }
  return variance > 0 ? covariance / variance : 0;
};

/**
 * Estimates the lag-1 autocorrelation of the noise behind the residuals of a fit with `parameters`
 * coefficients, clamped to 0..0.97. The plain estimate is too small on short series by about
 * (parameters + 3 rho) / n; that is added back.
 *
 * Source: Marriott and Pope, "Bias in the estimation of autocorrelations" (1954).
 */
export const noiseAutocorrelation = (residuals: Float64Array, parameters: number): number => {
  const n = residuals.length;
  const plain = lagOneAutocorrelation(residuals);
  const corrected = n > 6 ? (plain + parameters / n) / (1 - 3 / n) : plain;
  return Math.min(0.97, Math.max(0, corrected));
};

/**
 * Returns how many independent values carry as much information on a mean or slope as `n` values of
 * an AR(1) process with lag-1 autocorrelation `rho` in [0, 1).
 *
 * Source: Bayley and Hammersley (1946): n (1 - rho) / (1 + rho).
 */
export const effectiveSampleSize = (n: number, rho: number): number => (n * (1 - rho)) / (1 + rho);
