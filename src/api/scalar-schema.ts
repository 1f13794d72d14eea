// SPDX-License-Identifier: Apache-2.0
/** Texts, numbers and enumerations as structural schemas. */
import { patternObjection } from './re2-pattern.ts';
import {
  checksOf,
  defOf,
  fail,
  type Json,
  jsonOf,
  type Meta,
  type Node,
  type Place,
  picked,
} from './schema-walk.ts';
import type { StructuralSchema } from './structural-schema.ts';

const refusePatterns = (node: Node, place: Place): void => {
  const all = [defOf(node), ...checksOf(node).map((check) => check._zod.def)] as {
    readonly pattern?: unknown;
  }[];
  for (const { pattern } of all) {
    const objection = pattern instanceof RegExp ? patternObjection(pattern) : null;
    if (objection !== null) fail(place, `pattern ${String(pattern)} ${objection}`);
  }
};

/** Two patterns come as `allOf`, each with a type: only the patterns may stand there. */
const allOfPatterns = (json: Json): Json => {
  const parts = json['allOf'];
  if (!Array.isArray(parts)) return {};
  return { allOf: parts.map(({ pattern }: { pattern: string }) => ({ pattern })) };
};

/** Converts a text. */
export const stringSchema = (node: Node, place: Place, meta: Meta): StructuralSchema => {
  refusePatterns(node, place);
  const json = jsonOf(node);
  if (json['maxLength'] === undefined) fail(place, 'a string needs a bound: `.max()`');
  return {
    type: 'string',
    ...picked(json, ['minLength', 'maxLength', 'pattern']),
    ...allOfPatterns(json),
    ...picked(meta, ['format']),
  };
};

const LIMITS: Readonly<Record<string, { low: number; high: number; format: string }>> = {
  safeint: { low: Number.MIN_SAFE_INTEGER, high: Number.MAX_SAFE_INTEGER, format: 'int64' },
  int32: { low: -(2 ** 31), high: 2 ** 31 - 1, format: 'int32' },
};

/** Converts a number; the bounds that only say how zod counts become a format. */
export const numberSchema = (node: Node, place: Place): StructuralSchema => {
  const json = jsonOf(node);
  const bounds = picked(json, [
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'multipleOf',
  ]);
  const { format } = defOf(node) as { readonly format?: string };
  if (format === undefined) return { type: 'number', ...bounds };
  const limits = LIMITS[format] ?? fail(place, `number format \`${format}\` has no counterpart`);
  const { minimum, maximum, ...rest } = bounds;
  return {
    type: 'integer',
    format: limits.format,
    ...(minimum === limits.low ? {} : picked(bounds, ['minimum'])),
    ...(maximum === limits.high ? {} : picked(bounds, ['maximum'])),
    ...rest,
  };
};

/** Converts literals. */
export const enumSchema = (values: readonly unknown[], place: Place): StructuralSchema => {
  const types = new Set(values.map((value) => typeof value));
  const [type] = types;
  if (types.size !== 1 || (type !== 'string' && type !== 'number' && type !== 'boolean')) {
    return fail(place, 'literals must be all strings, all numbers or all booleans');
  }
  const isInteger = type === 'number' && values.every(Number.isInteger);
  return { type: isInteger ? 'integer' : type, enum: values as (string | number | boolean)[] };
};
