// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { structuralSchema } from '../../../../src/api/crd-schema.ts';
import { listBy, mapOf, ruled, setOf } from '../../../../src/api/rule.ts';
import { countOrPercentSchema, durationSchema, timeSchema } from '../../../../src/api/scalars.ts';
import { fieldRows, ruleRows } from '../../../../tools/generate/schema-rows.ts';

const schema = structuralSchema(
  z.object({
    mode: z.enum(['A', 'B']).default('A').describe('Mode.'),
    name: z.string().min(1).max(9).describe('Name.'),
    wait: durationSchema.optional().describe('Wait.'),
    at: timeSchema.optional().describe('At.'),
    share: countOrPercentSchema.optional().describe('Share.'),
    count: z.int32().min(0).optional().describe('Count.'),
    exact: z.int32().min(1).max(5).optional().describe('Exact.'),
    tags: setOf(z.string().max(5), { max: 3 }).default([]).describe('Tags.'),
    labels: mapOf(z.string().max(3), z.string().max(4), 2).optional().describe('Labels.'),
    parts: listBy(
      'name',
      ruled(z.object({ name: z.string().max(7).describe('Part.') }), {
        cel: 'true',
        holds: () => true,
        message: 'must be whole',
      }),
      { min: 1, max: 2 },
    )
      .optional()
      .describe('Parts.'),
    deep: z
      .object({ x: z.boolean().default(true).describe('X.') })
      .prefault({})
      .describe('Deep.'),
  }),
  'spec',
);

describe('fieldRows', () => {
  it('says of each field its place, type, default and meaning', () => {
    const rows = fieldRows(schema, 'spec').map((row) => [
      row.path,
      row.type,
      row.isRequired ? 'required' : (row.default ?? ''),
      row.meaning,
    ]);
    expect(rows).toEqual([
      ['spec.mode', 'A, B', '"A"', 'Mode.'],
      ['spec.name', 'string 1..9', 'required', 'Name.'],
      ['spec.wait', 'duration', '', 'Wait.'],
      ['spec.at', 'time', '', 'At.'],
      ['spec.share', 'count or percentage', '', 'Share.'],
      ['spec.count', 'integer >= 0', '', 'Count.'],
      ['spec.exact', 'integer 1..5', '', 'Exact.'],
      ['spec.tags', 'list <= 3 of string <= 5', '[]', 'Tags.'],
      ['spec.labels', 'map <= 2 of string <= 4', '', 'Labels.'],
      ['spec.parts', 'list 1..2 of object', '', 'Parts.'],
      ['spec.parts[].name', 'string <= 7', 'required', 'Part.'],
      ['spec.deep', 'object', '', 'Deep.'],
      ['spec.deep.x', 'boolean', 'true', 'X.'],
    ]);
  });
});

describe('ruleRows', () => {
  it('lists every rule with its place', () => {
    expect(ruleRows(schema, 'spec').map(({ path }) => path)).toEqual([
      'spec.wait',
      'spec.share',
      'spec.labels',
      'spec.parts[]',
    ]);
  });
});
