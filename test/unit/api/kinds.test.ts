// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { customResourceDefinition } from '../../../src/api/crd.ts';
import { kinds } from '../../../src/api/kinds.ts';
import type { StructuralSchema } from '../../../src/api/structural-schema.ts';

const all = kinds({ detectors: ['MemoryLeak', 'SlowQuery'], actions: ['restart'] });

/** Follows a printer column's path through a schema; filters of lists are steps into their items. */
const fieldAt = (schema: StructuralSchema, jsonPath: string): StructuralSchema | undefined => {
  const steps = jsonPath
    .replaceAll(/\[\?\([^)]*\)\]/g, '.[]')
    .split('.')
    .filter(Boolean);
  return steps.reduce<StructuralSchema | undefined>(
    (at, step) => (step === '[]' ? at?.items : at?.properties?.[step]),
    schema,
  );
};

const schemaOf = (kind: (typeof all)[number]): StructuralSchema =>
  customResourceDefinition(kind).spec.versions[0]!.schema.openAPIV3Schema as StructuralSchema;

describe('kinds', () => {
  it('are sorted and carry the short names that people type', () => {
    expect(all.map(({ kind, shortName }) => [kind, shortName])).toEqual([
      ['HealingAction', 'hact'],
      ['HealingPolicy', 'hpol'],
      ['Incident', 'inc'],
    ]);
  });

  it('name the registered detectors', () => {
    const schema = schemaOf(all[1]!);
    const trigger = schema.properties?.['spec']?.properties?.['triggers']?.items;
    expect(trigger?.properties?.['detector']?.properties?.['type']?.enum).toEqual([
      'MemoryLeak',
      'SlowQuery',
    ]);
  });

  it('refuse an action that no field of a step stands for', () => {
    const surplus = { detectors: ['MemoryLeak'], actions: ['restart', 'rollback'] } as const;
    expect(() => kinds(surplus)).toThrow(/rollback/);
  });

  it('refuse a field of a step that no action stands for', () => {
    expect(() => kinds({ detectors: ['MemoryLeak'], actions: [] })).toThrow(/restart/);
  });

  it.each(all)('have only columns and selectors that lead to a field: $kind', (kind) => {
    const schema = schemaOf(kind);
    const paths = [...kind.columns.map(({ jsonPath }) => jsonPath), ...kind.selectable];
    const dangling = paths.filter(
      (path) => !path.startsWith('.metadata') && fieldAt(schema, path)?.type === undefined,
    );
    expect(dangling).toEqual([]);
    expect(kind.selectable.length).toBeLessThanOrEqual(8);
  });
});
