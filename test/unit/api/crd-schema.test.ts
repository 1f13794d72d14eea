// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { structuralSchema } from '../../../src/api/crd-schema.ts';
import { mapOf } from '../../../src/api/rule.ts';

const text = z.string().max(10);
const rule = { 'x-kubernetes-validations': [{ rule: 'true', message: 'm' }] };

describe('structuralSchema converts', () => {
  const rows: readonly (readonly [string, z.ZodType, object])[] = [
    [
      'an object, its required and optional fields',
      z.object({ a: text.describe('A.'), b: text.optional().describe('B.') }),
      {
        type: 'object',
        properties: {
          a: { type: 'string', maxLength: 10, description: 'A.' },
          b: { type: 'string', maxLength: 10, description: 'B.' },
        },
        required: ['a'],
      },
    ],
    ['an empty object', z.object({}), { type: 'object' }],
    [
      'a strict object: the server prunes instead',
      z.strictObject({ a: text.describe('A.') }),
      {
        type: 'object',
        properties: { a: { type: 'string', maxLength: 10, description: 'A.' } },
        required: ['a'],
      },
    ],
    [
      'a loose object',
      z.looseObject({}),
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    ],
    ['anything', z.any(), { 'x-kubernetes-preserve-unknown-fields': true }],
    ['the unknown', z.unknown(), { 'x-kubernetes-preserve-unknown-fields': true }],
    [
      'a text with length and pattern',
      z.string().min(1).max(9).regex(/^a+$/),
      { type: 'string', minLength: 1, maxLength: 9, pattern: '^a+$' },
    ],
    [
      'a text of fixed length',
      z.string().length(3),
      { type: 'string', minLength: 3, maxLength: 3 },
    ],
    [
      'two patterns: both stay, without a type below',
      text.regex(/^a/).regex(/b$/),
      { type: 'string', maxLength: 10, allOf: [{ pattern: '^a' }, { pattern: 'b$' }] },
    ],
    [
      'startsWith and endsWith: the patterns stay, the format goes',
      text.startsWith('a').endsWith('b'),
      { type: 'string', maxLength: 10, allOf: [{ pattern: '^a.*' }, { pattern: '.*b$' }] },
    ],
    ['one startsWith', text.startsWith('a'), { type: 'string', maxLength: 10, pattern: '^a.*' }],
    [
      'a format that the server checks, beside the refinement that it stands for',
      text.refine(() => true).meta({ format: 'date-time' }),
      { type: 'string', maxLength: 10, format: 'date-time' },
    ],
    ['an integer', z.int(), { type: 'integer', format: 'int64' }],
    [
      'a bounded integer',
      z.int().min(0).max(9),
      { type: 'integer', format: 'int64', minimum: 0, maximum: 9 },
    ],
    ['a short integer', z.int32(), { type: 'integer', format: 'int32' }],
    ['a bounded short integer', z.int32().min(1), { type: 'integer', format: 'int32', minimum: 1 }],
    ['a number', z.number().gt(0), { type: 'number', minimum: 0, exclusiveMinimum: true }],
    ['a boolean', z.boolean(), { type: 'boolean' }],
    ['an enum', z.enum(['a', 'b']), { type: 'string', enum: ['a', 'b'] }],
    ['a literal', z.literal('a'), { type: 'string', enum: ['a'] }],
    ['a numeric literal', z.literal(3), { type: 'integer', enum: [3] }],
    [
      'a list',
      z.array(text).min(1).max(3).meta({ 'x-kubernetes-list-type': 'atomic' }),
      {
        type: 'array',
        items: { type: 'string', maxLength: 10 },
        minItems: 1,
        maxItems: 3,
        'x-kubernetes-list-type': 'atomic',
      },
    ],
    [
      'a list of fixed length',
      z.array(text).length(2).meta({ 'x-kubernetes-list-type': 'atomic' }),
      {
        type: 'array',
        items: { type: 'string', maxLength: 10 },
        minItems: 2,
        maxItems: 2,
        'x-kubernetes-list-type': 'atomic',
      },
    ],
    [
      'a list by key, the key required',
      z
        .array(z.object({ name: text.describe('N.') }))
        .max(3)
        .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
      {
        type: 'array',
        items: {
          type: 'object',
          properties: { name: { type: 'string', maxLength: 10, description: 'N.' } },
          required: ['name'],
        },
        maxItems: 3,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
    ],
    [
      'a map, the length of its keys as a rule',
      mapOf(z.string().max(5), text, 4),
      {
        type: 'object',
        additionalProperties: { type: 'string', maxLength: 10 },
        maxProperties: 4,
        'x-kubernetes-validations': [
          {
            rule: 'self.all(key, key.size() <= 5)',
            message: 'every key must have at most 5 characters',
          },
        ],
      },
    ],
    [
      'a record with known keys: properties, all required',
      z.record(z.enum(['a', 'b']), text),
      {
        type: 'object',
        properties: {
          a: { type: 'string', maxLength: 10 },
          b: { type: 'string', maxLength: 10 },
        },
        required: ['a', 'b'],
      },
    ],
    [
      'a partial record with known keys',
      z.partialRecord(z.enum(['a']), text),
      { type: 'object', properties: { a: { type: 'string', maxLength: 10 } } },
    ],
    [
      'a count or a text',
      z.union([z.int32().min(0), text.regex(/^[0-9]+%$/)]),
      {
        'x-kubernetes-int-or-string': true,
        minimum: 0,
        maximum: 2 ** 31 - 1,
        maxLength: 10,
        pattern: '^[0-9]+%$',
      },
    ],
    ['a default', text.default('x'), { type: 'string', maxLength: 10, default: 'x' }],
    [
      'a prefault, filled in',
      z.object({ a: text.default('x').describe('A.') }).prefault({}),
      {
        type: 'object',
        properties: { a: { type: 'string', maxLength: 10, description: 'A.', default: 'x' } },
        default: { a: 'x' },
      },
    ],
    [
      'a refinement with its rule',
      text.refine(() => true).meta(rule),
      { type: 'string', maxLength: 10, ...rule },
    ],
    [
      'a description given to a wrapper',
      text.optional().describe('D.'),
      { type: 'string', maxLength: 10, description: 'D.' },
    ],
    ['a schema with an id, inlined', text.meta({ id: 'X' }), { type: 'string', maxLength: 10 }],
    [
      'a union by discriminator: one object, and a rule for each variant',
      z.discriminatedUnion('kind', [
        z.object({
          kind: z.literal('a').describe('Kind.'),
          x: text.describe('X.'),
          both: z.boolean().optional().describe('Both.'),
        }),
        z.object({
          kind: z.literal('b').describe('Kind.'),
          y: z.boolean().optional().describe('Y.'),
          both: z.boolean().optional().describe('Both.'),
        }),
      ]),
      {
        type: 'object',
        properties: {
          kind: { type: 'string', enum: ['a', 'b'], description: 'Kind.' },
          x: { type: 'string', maxLength: 10, description: 'X.' },
          both: { type: 'boolean', description: 'Both.' },
          y: { type: 'boolean', description: 'Y.' },
        },
        required: ['kind'],
        'x-kubernetes-validations': [
          {
            rule: "self.kind != 'a' || (has(self.x) && !has(self.y))",
            message: 'with kind a it must have x and must not have y',
          },
          { rule: "self.kind != 'b' || (!has(self.x))", message: 'with kind b it must not have x' },
        ],
      },
    ],
  ];
  it.each(rows)('%s', (_, schema, expected) => {
    expect(structuralSchema(schema, 'spec')).toEqual(expected);
  });
});

describe('structuralSchema refuses', () => {
  const list = { 'x-kubernetes-list-type': 'atomic' };
  const byName = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };
  type Tree = z.ZodType<{ below?: unknown }>;
  const tree: Tree = z.object({
    get below() {
      return tree.optional().describe('Below.');
    },
  }) as Tree;
  const variant = (kind: string, field: z.ZodType) =>
    z.object({ kind: z.literal(kind).describe('Kind.'), x: field.describe('X.') });
  const rows: readonly (readonly [string, z.ZodType, RegExp])[] = [
    ['a text without a bound', z.string(), /spec: a string needs a bound/],
    ['a list without a bound', z.array(text).meta(list), /a list needs a bound/],
    ['a list without a type', z.array(text).max(3), /x-kubernetes-list-type/],
    [
      'a list by an optional key',
      z
        .array(z.object({ name: text.optional().describe('N.') }))
        .max(3)
        .meta(byName),
      /map key `name` must be required/,
    ],
    [
      'a list by no key',
      z.array(z.object({})).max(3).meta({ 'x-kubernetes-list-type': 'map' }),
      /list-map-keys/,
    ],
    ['a map without a bound', z.record(text, text), /a map needs a bound/],
    [
      'a map with unbounded keys',
      z.record(z.string(), text).meta({ maxProperties: 3 }),
      /keys of a map need a bound/,
    ],
    [
      'a map with a pattern for keys',
      z.record(text.regex(/a/), text).meta({ maxProperties: 3 }),
      /pattern of map keys/,
    ],
    [
      'a map with numbers for keys',
      z.record(z.number(), text).meta({ maxProperties: 3 }),
      /keys of a map must be strings/,
    ],
    [
      'a field without a description',
      z.object({ a: text }),
      /spec\.a: a field needs a description/,
    ],
    ['a refinement alone', text.refine(() => true), /a refinement needs its counterpart/],
    ['a superRefine alone', text.superRefine(() => {}), /a refinement needs its counterpart/],
    ['a trim', text.trim(), /changes its value/],
    ['a lower case', text.toLowerCase(), /changes its value/],
    ['an overwrite', text.overwrite((value) => value), /changes its value/],
    ['a transform', text.transform((value) => value.length), /`pipe` has no counterpart/],
    ['a preprocess', z.preprocess((value) => value, text), /`pipe` has no counterpart/],
    ['a pattern with flags', text.regex(/abc/i), /flags `i`/],
    ['a pattern with lookahead', text.regex(/^(?!a)b/), /lookahead/],
    ['an ISO duration', z.iso.duration().max(10), /lookahead/],
    ['a tuple', z.tuple([text]), /`tuple` has no counterpart/],
    ['a set', z.set(text), /`set` has no counterpart/],
    ['a map object', z.map(text, text), /`map` has no counterpart/],
    ['a date', z.date(), /`date` has no counterpart/],
    ['a bigint', z.bigint(), /`bigint` has no counterpart/],
    ['a recursion', tree, /recursion has no counterpart/],
    ['a nullable', text.nullable(), /`nullable` has no counterpart/],
    ['a nullish', text.nullish(), /`nullable` has no counterpart/],
    ['a catch', text.catch('x'), /`catch` has no counterpart/],
    ['a typed catchall', z.object({}).catchall(text), /catchall/],
    [
      'a union of texts and booleans',
      z.union([text, z.boolean()]),
      /only union without a discriminator/,
    ],
    [
      'an intersection',
      z.intersection(z.object({}), z.object({})),
      /`intersection` has no counterpart/,
    ],
    ['a null', z.null(), /`null` has no counterpart/],
    ['mixed literals', z.literal(['a', 1]), /literals must be all/],
    ['an unsigned number format', z.uint32(), /number format `uint32`/],
    ['unknown metadata', text.meta({ deprecated: true }), /metadata `deprecated`/],
    ['a format that nobody checks', text.meta({ format: 'pet-name' }), /format `pet-name`/],
    [
      'a default that is not valid',
      text.default('much too long for it'),
      /the default is not valid itself/,
    ],
    [
      'a default that leaves out defaults inside',
      z.object({ a: text.default('x').describe('A.') }).default({} as { a: string }),
      /use `\.prefault\(\)`/,
    ],
    [
      'two variants that differ in a field',
      z.discriminatedUnion('kind', [variant('a', text), variant('b', z.boolean())]),
      /field `x` differs between two variants/,
    ],
    [
      'a default inside a variant',
      z.discriminatedUnion('kind', [variant('a', text.default('x'))]),
      /default, which would be set in every variant/,
    ],
  ];
  it.each(rows)('%s', (_, schema, problem) => {
    expect(() => structuralSchema(schema, 'spec')).toThrow(problem);
  });

  it('and names the place of what is wrong', () => {
    const deep = z.object({
      list: z
        .array(z.object({ name: z.string().describe('N.') }))
        .max(2)
        .meta(byName)
        .describe('L.'),
    });
    expect(() => structuralSchema(deep, 'spec')).toThrow(/^spec\.list\[\]\.name: /);
  });
});
