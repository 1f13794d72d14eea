// SPDX-License-Identifier: Apache-2.0
/**
 * Rules across fields, said twice by one call: as a refinement for zod and as CEL for the API server,
 * with the same sentence. And bounded lists and maps, whose uniqueness and size the API server checks
 * by list type and `maxProperties`, and zod by a refinement.
 */
import { z } from 'zod';

/** One rule in both languages. */
export interface Rule<T> {
  /** CEL over `self`, true when the value is right. */
  readonly cel: string;
  /** The same for zod. */
  readonly holds: (value: T) => boolean;
  /** What must be, and what to do instead: one sentence without a full stop. */
  readonly message: string;
}

/** Adds rules to a schema; rules that it has already stay. */
export const ruled = <S extends z.ZodType>(
  schema: S,
  ...rules: readonly Rule<z.output<S>>[]
): S => {
  let refined = schema;
  for (const { holds, message } of rules) {
    refined = refined.refine(holds, { message, abort: false });
  }
  const meta = schema.meta() ?? {};
  const before = (meta['x-kubernetes-validations'] ?? []) as readonly object[];
  return refined.meta({
    ...meta,
    'x-kubernetes-validations': [
      ...before,
      ...rules.map(({ cel, message }) => ({ rule: cel, message })),
    ],
  });
};

/** Adds a rule about a change; only the API server sees both values. */
export const transitionRuled = <S extends z.ZodType>(
  schema: S,
  ...rules: readonly { readonly cel: string; readonly message: string }[]
): S => ruled(schema, ...rules.map((rule) => ({ ...rule, holds: () => true })));

/** A spec that never changes once it is written. */
export const immutable = <S extends z.ZodType>(schema: S): S =>
  transitionRuled(schema, {
    cel: 'self == oldSelf',
    message: 'must not change once written: delete the object and create another one',
  });

interface Size {
  readonly min?: number;
  readonly max: number;
}

const sized = <S extends z.ZodType>(item: S, { min, max }: Size) => {
  const list = z.array(item).max(max);
  return min === undefined ? list : list.min(min);
};

const areDistinct = (values: readonly unknown[]): boolean => new Set(values).size === values.length;

/** A list that is replaced as a whole. */
export const atomicList = <S extends z.ZodType>(item: S, size: Size) =>
  sized(item, size).meta({ 'x-kubernetes-list-type': 'atomic' });

/** A list of distinct texts. */
export const setOf = <S extends z.ZodType<string>>(item: S, size: Size) =>
  sized(item, size)
    .refine(areDistinct, 'must not hold the same value twice')
    .meta({ 'x-kubernetes-list-type': 'set' });

/** A list of objects with distinct values of one field, so that appliers can merge it. */
export const listBy = <K extends string, S extends z.ZodType<Readonly<Record<K, string>>>>(
  key: K,
  item: S,
  size: Size,
) =>
  sized(item, size)
    .refine(
      (items) => areDistinct(items.map((each) => each[key])),
      `must not hold two items of the same ${key}`,
    )
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });

/** A map from texts to values, of at most `max` entries. */
export const mapOf = <S extends z.ZodType>(key: z.ZodString, value: S, max: number) =>
  z
    .record(key, value)
    .refine((map) => Object.keys(map).length <= max, `must have at most ${max} entries`)
    .meta({ maxProperties: max });
