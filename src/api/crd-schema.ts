// SPDX-License-Identifier: Apache-2.0
/**
 * Turns a zod schema into the structural schema of a CustomResourceDefinition, so that one source
 * says what the API server and our own code accept. What the API server cannot express, or zod would
 * lose on the way, is refused while the CRDs are built, never dropped:
 *
 * - transforms, `catch`, `nullable`, tuples, sets, dates, recursion, patterns that are not RE2;
 * - a refinement without its counterpart (a CEL rule, a list type, a format, a number of entries);
 * - a field without a description, a string, list or map without a bound: CEL's cost estimate
 *   assumes the worst size for each, and so would anybody who stores it.
 *
 * Source: apiextensions-apiserver, pkg/apiserver/schema/validation.go (structural schemas).
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { enumSchema, numberSchema, stringSchema } from './scalar-schema.ts';
import {
  below,
  checksOf,
  defOf,
  fail,
  isRequired,
  type Json,
  jsonOf,
  type Meta,
  type Node,
  type Place,
  picked,
} from './schema-walk.ts';
import type { CelRule, StructuralSchema } from './structural-schema.ts';
import { discriminatedUnion, intOrString } from './union-schema.ts';

const META_KEYS: ReadonlySet<string> = new Set(['description', 'format', 'maxProperties', 'id']);
/** Metadata that says for the API server what a refinement says for zod. */
const COUNTERPARTS = [
  'x-kubernetes-validations',
  'x-kubernetes-list-type',
  'format',
  'maxProperties',
] as const;
const FORMATS: ReadonlySet<unknown> = new Set(['date-time']);

/** Reads the metadata of a node; refuses what the API server would not understand. */
const metaOf = (node: Node, place: Place): Meta => {
  const meta: Meta = z.globalRegistry.get(node) ?? {};
  for (const key of Object.keys(meta)) {
    if (!META_KEYS.has(key) && !key.startsWith('x-kubernetes-')) {
      fail(place, `metadata \`${key}\` has no meaning in a structural schema`);
    }
  }
  if (meta['format'] !== undefined && !FORMATS.has(meta['format'])) {
    fail(place, `format \`${String(meta['format'])}\` is not one that the API server checks`);
  }
  const { id: _, ...rest } = meta;
  return rest;
};

/** Refuses checks that would be lost on the way. */
const refuseLostChecks = (node: Node, meta: Meta, place: Place): void => {
  for (const check of checksOf(node)) {
    const kind = check._zod.def.check;
    if (kind === 'overwrite') fail(place, 'changes its value (trim, toLowerCase, ...)');
    if (kind === 'custom' && !COUNTERPARTS.some((key) => meta[key] !== undefined)) {
      fail(place, 'a refinement needs its counterpart: `x-kubernetes-validations` in `.meta()`');
    }
  }
};

const objectSchema = (node: Node, def: z.core.$ZodObjectDef, place: Place): StructuralSchema => {
  const { catchall } = def;
  const rest = catchall === undefined ? 'never' : defOf(catchall).type;
  if (rest !== 'never' && rest !== 'unknown' && rest !== 'any') {
    fail(place, 'a typed catchall beside properties is not structural: use a record');
  }
  const properties: Record<string, StructuralSchema> = {};
  for (const [name, field] of Object.entries(def.shape)) {
    const at = below(place, node, name);
    properties[name] = convert(field, at);
    if (properties[name].description === undefined) fail(at, 'a field needs a description');
  }
  const required = Object.keys(def.shape).filter((name) => isRequired(def.shape[name] as Node));
  return {
    type: 'object',
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(required.length > 0 ? { required } : {}),
    // A strict object too: the server prunes what it does not know.
    ...(rest === 'never' ? {} : { 'x-kubernetes-preserve-unknown-fields': true }),
  };
};

const refuseLooseMapKeys = (items: StructuralSchema, meta: Meta, place: Place): void => {
  const keys = meta['x-kubernetes-list-map-keys'] as readonly string[] | undefined;
  if (keys === undefined || keys.length === 0) {
    fail(place, 'a list of type map needs `x-kubernetes-list-map-keys`');
  }
  for (const key of keys ?? []) {
    const isSet = items.required?.includes(key) || items.properties?.[key]?.default !== undefined;
    if (!isSet) fail(place, `the map key \`${key}\` must be required or have a default`);
  }
};

const sizeBounds = (node: Node): Json => {
  const bounds: Record<string, number> = {};
  for (const check of checksOf(node)) {
    const size = check._zod.def as {
      check: string;
      minimum: number;
      maximum: number;
      length: number;
    };
    if (size.check === 'min_length') bounds['minItems'] = size.minimum;
    if (size.check === 'max_length') bounds['maxItems'] = size.maximum;
    if (size.check === 'length_equals') bounds['minItems'] = bounds['maxItems'] = size.length;
  }
  return bounds;
};

const arraySchema = (
  node: Node,
  def: z.core.$ZodArrayDef,
  place: Place,
  meta: Meta,
): StructuralSchema => {
  const items = convert(def.element, below(place, node, '[]'));
  const listType = meta['x-kubernetes-list-type'];
  if (listType === undefined) fail(place, 'a list needs `x-kubernetes-list-type` in `.meta()`');
  if (listType === 'map') refuseLooseMapKeys(items, meta, place);
  const bounds = sizeBounds(node);
  if (bounds['maxItems'] === undefined) fail(place, 'a list needs a bound: `.max()`');
  return { type: 'array', items, ...bounds };
};

/** Keys of a map are checked by CEL alone: a structural schema has no word for them. */
const keyRules = (key: Node, place: Place): readonly CelRule[] => {
  if (defOf(key).type !== 'string') return fail(place, 'keys of a map must be strings');
  const json = jsonOf(key);
  if (json['pattern'] !== undefined || json['allOf'] !== undefined) {
    return fail(place, 'a pattern of map keys has no counterpart');
  }
  const { minLength, maxLength } = json as { minLength?: number; maxLength?: number };
  const low =
    minLength === undefined
      ? []
      : [
          {
            rule: `self.all(key, key.size() >= ${minLength})`,
            message: `every key must have at least ${minLength} characters`,
          },
        ];
  if (maxLength === undefined) return fail(place, 'keys of a map need a bound: `.max()`');
  return [
    ...low,
    {
      rule: `self.all(key, key.size() <= ${maxLength})`,
      message: `every key must have at most ${maxLength} characters`,
    },
  ];
};

/** A record whose keys are known is an object; zod wants all keys unless it is partial. */
const enumeratedRecord = (
  node: Node,
  def: z.core.$ZodRecordDef & { readonly partial?: boolean },
  place: Place,
): StructuralSchema => {
  const names = Object.values((defOf(def.keyType) as z.core.$ZodEnumDef).entries).map(String);
  const value = convert(def.valueType, below(place, node, '{}'));
  const isOptional = def.partial === true || !isRequired(def.valueType);
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, value])),
    ...(isOptional ? {} : { required: names }),
  };
};

const recordSchema = (
  node: Node,
  def: z.core.$ZodRecordDef,
  place: Place,
  meta: Meta,
): StructuralSchema => {
  if (defOf(def.keyType).type === 'enum') return enumeratedRecord(node, def, place);
  if (meta['maxProperties'] === undefined) {
    fail(place, 'a map needs a bound: `maxProperties` in `.meta()`, and a refinement that says so');
  }
  return {
    type: 'object',
    additionalProperties: convert(def.valueType, below(place, node, '{}')),
    ...picked(meta, ['maxProperties']),
    'x-kubernetes-validations': keyRules(def.keyType, place),
  };
};

/**
 * A default is written as parsing leaves it: the API server checks the rules of an object against its
 * default before it fills in the defaults inside.
 */
const defaulted = (
  node: Node,
  def: { readonly innerType: Node; readonly defaultValue: unknown; readonly type: string },
  place: Place,
): StructuralSchema => {
  const parsed = z.safeParse(def.innerType, def.defaultValue);
  if (!parsed.success) return fail(place, 'the default is not valid itself');
  if (def.type === 'default' && !isDeepStrictEqual(parsed.data, def.defaultValue)) {
    fail(place, 'the default leaves out defaults inside it: use `.prefault()`');
  }
  const inside = [...place.inside, node];
  return { ...convert(def.innerType, { ...place, inside }), default: parsed.data };
};

const body = (node: Node, place: Place, meta: Meta): StructuralSchema => {
  const def = defOf(node);
  switch (def.type) {
    case 'object':
      return objectSchema(node, def, place);
    case 'array':
      return arraySchema(node, def, place, meta);
    case 'record':
      return recordSchema(node, def, place, meta);
    case 'string':
      return stringSchema(node, place, meta);
    case 'number':
      return numberSchema(node, place);
    case 'boolean':
      return { type: 'boolean' };
    case 'enum':
      return enumSchema(Object.values(def.entries), place);
    case 'literal':
      return enumSchema(def.values, place);
    case 'union': {
      const parts = def.options.map((option) => convert(option, below(place, node, '|')));
      return 'discriminator' in def
        ? discriminatedUnion(parts, String(def.discriminator), place)
        : intOrString(parts, place);
    }
    case 'optional':
      return convert(def.innerType, { ...place, inside: [...place.inside, node] });
    case 'default':
    case 'prefault':
      return defaulted(node, def, place);
    case 'any':
    case 'unknown':
      return { 'x-kubernetes-preserve-unknown-fields': true };
    default:
      return fail(place, `\`${def.type}\` has no counterpart in a structural schema`);
  }
};

const extensions = (meta: Meta): Json =>
  Object.fromEntries(
    Object.entries(meta).filter(
      ([key]) => key === 'description' || key.startsWith('x-kubernetes-'),
    ),
  );

const convert = (node: Node, place: Place): StructuralSchema => {
  if (place.inside.includes(node)) fail(place, 'recursion has no counterpart');
  const meta = metaOf(node, place);
  refuseLostChecks(node, meta, place);
  const inner = body(node, place, meta);
  const outer = extensions(meta) as StructuralSchema;
  const rules = [
    ...(inner['x-kubernetes-validations'] ?? []),
    ...(outer['x-kubernetes-validations'] ?? []),
  ];
  return {
    ...inner,
    ...outer,
    ...(rules.length > 0 ? { 'x-kubernetes-validations': rules } : {}),
  };
};

/**
 * Converts a zod schema to a structural schema. Costs one walk of the tree.
 * @param path where the schema stands, for messages, for example `spec`
 * @throws SchemaError when the schema has no faithful counterpart, or lacks a bound or a description
 */
export const structuralSchema = (schema: z.ZodType, path: string): StructuralSchema =>
  convert(schema, { path, inside: [] });
