// SPDX-License-Identifier: Apache-2.0
import type { StructuralSchema } from '../../src/api/structural-schema.ts';

/** One field of a schema, as a reader wants it. */
export interface FieldRow {
  /** Place, for example `spec.targets[].name`. */
  readonly path: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** JSON of the default; `undefined`: none. */
  readonly default: string | undefined;
  readonly meaning: string;
}

/** One rule across fields. */
export interface RuleRow {
  readonly path: string;
  readonly message: string;
}

/** A pattern that only durations have: said in words. */
const isDuration = ({ pattern }: StructuralSchema): boolean =>
  pattern?.includes('(ms|s|m|h)') === true;

const range = (low: number | undefined, high: number | undefined): string => {
  if (low !== undefined && high !== undefined) return ` ${low}..${high}`;
  if (low !== undefined) return ` >= ${low}`;
  return high === undefined ? '' : ` <= ${high}`;
};

const stringType = (schema: StructuralSchema): string => {
  if (schema.format === 'date-time') return 'time';
  if (isDuration(schema)) return 'duration';
  return `string${range(schema.minLength, schema.maxLength)}`;
};

const typeText = (schema: StructuralSchema): string => {
  if (schema.enum !== undefined) return schema.enum.join(', ');
  if (schema['x-kubernetes-int-or-string'] === true) return 'count or percentage';
  switch (schema.type) {
    case 'string':
      return stringType(schema);
    case 'integer':
    case 'number':
      return `${schema.type}${range(schema.minimum, schema.maximum)}`;
    case 'array':
      return `list${range(schema.minItems, schema.maxItems)} of ${typeText(schema.items ?? {})}`;
    case 'object':
      return schema.additionalProperties === undefined
        ? 'object'
        : `map${range(undefined, schema.maxProperties)} of ${typeText(schema.additionalProperties)}`;
    default:
      return schema.type ?? 'any';
  }
};

const isLeafDefault = (value: unknown): boolean =>
  value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value));

/** What lies below a schema: fields of objects, of the items of lists and of the values of maps. */
const inner = (schema: StructuralSchema, path: string): readonly [string, StructuralSchema][] => {
  const below: [string, StructuralSchema][] = [];
  if (schema.items !== undefined) below.push([`${path}[]`, schema.items]);
  if (schema.additionalProperties !== undefined) {
    below.push([`${path}.*`, schema.additionalProperties]);
  }
  return below;
};

/** Lists every field below a schema, depth first, in the order of the schema. */
export const fieldRows = (schema: StructuralSchema, path: string): readonly FieldRow[] => [
  ...Object.entries(schema.properties ?? {}).flatMap(([name, field]): FieldRow[] => [
    {
      path: `${path}.${name}`,
      type: typeText(field),
      isRequired: schema.required?.includes(name) === true,
      default: isLeafDefault(field.default) ? JSON.stringify(field.default) : undefined,
      meaning: field.description ?? '',
    },
    ...fieldRows(field, `${path}.${name}`),
  ]),
  ...inner(schema, path).flatMap(([at, each]) => fieldRows(each, at)),
];

/** Lists every rule at and below a schema. */
export const ruleRows = (schema: StructuralSchema, path: string): readonly RuleRow[] => [
  ...(schema['x-kubernetes-validations'] ?? []).map(({ message }) => ({ path, message })),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    ruleRows(field, `${path}.${name}`),
  ),
  ...inner(schema, path).flatMap(([at, each]) => ruleRows(each, at)),
];
