// SPDX-License-Identifier: Apache-2.0
/** JSON patches as the API server applies them. */

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Applies a merge patch (RFC 7396) to a copy. */
export const mergePatch = (target: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = mergePatch(result[key], value);
  }
  return result;
};

const unescapeToken = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~');

/** A failed `test` of a JSON patch; the API server answers it with 422. */
export class FailedTest extends Error {}

const parentOf = (root: unknown, tokens: readonly string[]): Json =>
  tokens.slice(0, -1).reduce<unknown>((value, token) => {
    if (!isObject(value) && !Array.isArray(value)) throw new FailedTest('no such path');
    return (value as Json)[token];
  }, root) as Json;

type Operation = { op: string; path: string; value?: unknown };

const apply = (parent: Json, key: string, { op, path, value }: Operation): void => {
  switch (op) {
    case 'test':
      if (JSON.stringify(parent[key]) !== JSON.stringify(value)) throw new FailedTest(path);
      break;
    case 'remove':
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      break;
    case 'add':
      if (Array.isArray(parent)) parent.splice(key === '-' ? parent.length : Number(key), 0, value);
      else parent[key] = value;
      break;
    case 'replace':
      parent[key] = value;
      break;
    default:
      throw new FailedTest(`no operation ${op}`);
  }
};

/** Applies a JSON patch (RFC 6902; add, replace, remove, test) to a copy. */
export const jsonPatch = (target: unknown, operations: readonly Operation[]): unknown => {
  const result = structuredClone(target);
  for (const operation of operations) {
    const tokens = operation.path.split('/').slice(1).map(unescapeToken);
    const parent = parentOf(result, tokens);
    if (!isObject(parent) && !Array.isArray(parent)) throw new FailedTest(operation.path);
    apply(parent, tokens.at(-1) ?? '', operation);
  }
  return result;
};
