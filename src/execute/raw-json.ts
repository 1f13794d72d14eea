// SPDX-License-Identifier: Apache-2.0
/**
 * Reads fields out of raw JSON that may be anything: a missing field and a field of the wrong type
 * look the same, nothing throws, and inherited properties are never read.
 */

/** Follows own properties from `value`; `undefined` where the path ends early. */
export const at = (value: unknown, ...path: readonly string[]): unknown => {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) {
      return undefined;
    }
    current = (current as Readonly<Record<string, unknown>>)[key];
  }
  return current;
};

/** Reads a text; empty where there is none. */
export const textAt = (value: unknown, ...path: readonly string[]): string => {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
};

/** Reads a whole number that is not negative; `fallback` where there is none. */
export const countAt = (value: unknown, fallback: number, ...path: readonly string[]): number => {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : fallback;
};

/** Reads a list; empty where there is none. */
export const listAt = (value: unknown, ...path: readonly string[]): readonly unknown[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
};

/** Reads a map of texts, such as labels; entries of another type are left out. */
export const textsAt = (
  value: unknown,
  ...path: readonly string[]
): Readonly<Record<string, string>> => {
  const found = at(value, ...path);
  if (typeof found !== 'object' || found === null) return {};
  return Object.fromEntries(
    Object.entries(found).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
};

/** Reads a moment as Kubernetes writes it; `null` where there is none or it cannot be read. */
export const timeAt = (value: unknown, ...path: readonly string[]): number | null => {
  const text = textAt(value, ...path);
  const ms = text === '' || text.length > 40 ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
};
