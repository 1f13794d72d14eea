// SPDX-License-Identifier: Apache-2.0

/**
 * Flattens nested counters into dotted names, for example `analysis.dropped.future`. What is no
 * number and no object, such as the `null` of a thread that does not answer, is left out.
 */
export const flatCounters = (
  nested: Readonly<Record<string, unknown>>,
  prefix = '',
): Record<string, number> => {
  const flat: Record<string, number> = {};
  for (const [name, value] of Object.entries(nested)) {
    if (typeof value === 'number') flat[`${prefix}${name}`] = value;
    else if (typeof value === 'object' && value !== null) {
      Object.assign(flat, flatCounters(value as Record<string, unknown>, `${prefix}${name}.`));
    }
  }
  return flat;
};
