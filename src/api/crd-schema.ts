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
import { patternObjection } from './re2-pattern.ts';
import { type CelRule, SchemaError, type StructuralSchema } from './structural-schema.ts';

type Node = z.core.$ZodType;
type Def = z.core.$ZodTypes['_zod']['def'];
type Meta = Readonly<Record<string, unknown>>;
/** What of a schema stands in its JSON Schema form, and is taken over from there. */
type Json = Readonly<Record<string, unknown>>;

/** Where the walk is: the path for messages, and the schemas it is inside of. */
interface Place {
  readonly path: string;
  readonly inside: readonly Node[];
}

const META_KEYS: ReadonlySet<string> = new Set(['description', 'format', 'maxProperties', 'id']);
/** Metadata that says for the API server what a refinement says for zod. */
const COUNTERPARTS = [
  'x-kubernetes-validations',
  'x-kubernetes-list-type',
  'format',
  'maxProperties',
] as const;
const FORMATS: ReadonlySet<unknown> = new Set(['date-time']);

const fail = (place: Place, problem: string): never => {
  throw new SchemaError(place.path, problem);
};

const defOf = (node: Node): Def => (node as z.core.$ZodTypes)._zod.def;

const below = (place: Place, node: Node, step: string): Place => ({
  path:
    place.path === '' || step.startsWith('[') ? `${place.path}${step}` : `${place.path}.${step}`,
  inside: [...place.inside, node],
});

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

const checksOf = (node: Node): readonly z.core.$ZodCheck[] => defOf(node).checks ?? [];

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

const refusePatterns = (node: Node, place: Place): void => {
  const all = [defOf(node), ...checksOf(node).map((check) => check._zod.def)] as {
    readonly pattern?: unknown;
  }[];
  for (const { pattern } of all) {
    const objection = pattern instanceof RegExp ? patternObjection(pattern) : null;
    if (objection !== null) fail(place, `pattern ${String(pattern)} ${objection}`);
  }
};

/** Metadata is read by us: an id in it would make a reference of the schema. */
const NO_METADATA = z.registry<object>();

const jsonOf = (node: Node): Json =>
  z.toJSONSchema(node, { target: 'openapi-3.0', io: 'input', metadata: NO_METADATA });

const picked = (json: Json, keys: readonly string[]): Json =>
  Object.fromEntries(keys.flatMap((key) => (json[key] === undefined ? [] : [[key, json[key]]])));

/** Two patterns come as `allOf`, each with a type: only the patterns may stand there. */
const allOfPatterns = (json: Json): Json => {
  const parts = json['allOf'];
  if (!Array.isArray(parts)) return {};
  return { allOf: parts.map(({ pattern }: { pattern: string }) => ({ pattern })) };
};

const stringSchema = (node: Node, place: Place, meta: Meta): StructuralSchema => {
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

const numberSchema = (node: Node, place: Place): StructuralSchema => {
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

const enumSchema = (values: readonly unknown[], place: Place): StructuralSchema => {
  const types = new Set(values.map((value) => typeof value));
  const [type] = types;
  if (types.size !== 1 || (type !== 'string' && type !== 'number' && type !== 'boolean')) {
    return fail(place, 'literals must be all strings, all numbers or all booleans');
  }
  const isInteger = type === 'number' && values.every(Number.isInteger);
  return { type: isInteger ? 'integer' : type, enum: values as (string | number | boolean)[] };
};

/** Tells whether the input of a field may be left out. */
const isRequired = (node: Node): boolean => node._zod.optin === undefined;

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

/** A count or a text: the one union that the API server has a word for. */
const intOrString = (node: Node, options: readonly Node[], place: Place): StructuralSchema => {
  const parts = options.map((option) => convert(option, below(place, node, '|')));
  const kinds = parts.map(({ type }) => type).toSorted();
  if (kinds.length !== 2 || kinds[0] !== 'integer' || kinds[1] !== 'string') {
    return fail(place, 'the only union without a discriminator is that of an integer and a string');
  }
  const merged = Object.assign({}, ...parts.toReversed()) as StructuralSchema;
  const { type: _, format, ...bounds } = merged;
  const { maximum = LIMITS['int32']?.high } = bounds;
  return {
    'x-kubernetes-int-or-string': true,
    ...bounds,
    ...(format === 'int32' && maximum !== undefined ? { maximum } : {}),
  };
};

const celString = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;

/** Fields of an object schema besides the discriminator. */
const variantFields = (variant: StructuralSchema, discriminator: string): readonly string[] =>
  Object.keys(variant.properties ?? {}).filter((name) => name !== discriminator);

const variantRule = (
  variant: StructuralSchema,
  discriminator: string,
  allFields: readonly string[],
): readonly CelRule[] => {
  const own = variantFields(variant, discriminator);
  const needed = own.filter((name) => variant.required?.includes(name));
  const foreign = allFields.filter((name) => !own.includes(name));
  const parts = [
    ...needed.map((name) => `has(self.${name})`),
    ...foreign.map((name) => `!has(self.${name})`),
  ];
  const values = variant.properties?.[discriminator]?.enum ?? [];
  return values.flatMap((value) => {
    if (parts.length === 0) return [];
    const must = [
      needed.length > 0 ? `must have ${needed.join(', ')}` : '',
      foreign.length > 0 ? `must not have ${foreign.join(', ')}` : '',
    ].filter((part) => part !== '');
    return [
      {
        rule: `self.${discriminator} != ${celString(String(value))} || (${parts.join(' && ')})`,
        message: `with ${discriminator} ${value} it ${must.join(' and ')}`,
      },
    ];
  });
};

/** Flattens a union by discriminator: every field optional, and one rule for each variant. */
const discriminatedUnion = (
  node: Node,
  def: z.core.$ZodDiscriminatedUnionDef,
  place: Place,
): StructuralSchema => {
  const { discriminator } = def;
  const variants = def.options.map((option) => convert(option, below(place, node, '|')));
  const properties: Record<string, StructuralSchema> = {};
  const values: (string | number | boolean)[] = [];
  for (const variant of variants) {
    const { [discriminator]: tag, ...fields } = variant.properties ?? {};
    values.push(...(tag?.enum ?? []));
    properties[discriminator] ??= tag as StructuralSchema;
    for (const [name, field] of Object.entries(fields)) {
      const other = properties[name];
      if (other !== undefined && JSON.stringify(other) !== JSON.stringify(field)) {
        fail(place, `field \`${name}\` differs between two variants`);
      }
      if (field.default !== undefined) {
        fail(place, `field \`${name}\` has a default, which would be set in every variant`);
      }
      properties[name] = field;
    }
  }
  properties[discriminator] = { ...properties[discriminator], enum: values };
  const all = Object.keys(properties).filter((name) => name !== discriminator);
  const own = variants.flatMap((variant) => variant['x-kubernetes-validations'] ?? []);
  if (own.length > 0) fail(place, 'rules of a single variant must stand at the union');
  return {
    type: 'object',
    properties,
    required: [discriminator],
    'x-kubernetes-validations': variants.flatMap((each) => variantRule(each, discriminator, all)),
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
    case 'union':
      return 'discriminator' in def
        ? discriminatedUnion(node, def as z.core.$ZodDiscriminatedUnionDef, place)
        : intOrString(node, def.options, place);
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
