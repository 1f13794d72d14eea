// SPDX-License-Identifier: Apache-2.0
/** The two unions that a structural schema can say, from their converted options. */
import { fail, type Place } from './schema-walk.ts';
import type { CelRule, StructuralSchema } from './structural-schema.ts';

/** A count or a text: the one union that the API server has a word for. */
export const intOrString = (parts: readonly StructuralSchema[], place: Place): StructuralSchema => {
  const kinds = parts.map(({ type }) => type).toSorted();
  if (kinds.length !== 2 || kinds[0] !== 'integer' || kinds[1] !== 'string') {
    return fail(place, 'the only union without a discriminator is that of an integer and a string');
  }
  const merged = Object.assign({}, ...parts.toReversed()) as StructuralSchema;
  const { type: _, format, ...bounds } = merged;
  const { maximum = 2 ** 31 - 1 } = bounds;
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
export const discriminatedUnion = (
  variants: readonly StructuralSchema[],
  discriminator: string,
  place: Place,
): StructuralSchema => {
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
