// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { chartReadme, chartValues } from '../../../../tools/generate/chart-readme.ts';

describe('chartValues', () => {
  it('reads leaves, groups with a comment as one value, and comments of several lines', () => {
    const values = [
      '# How many',
      '# of them.',
      'replicas: 2',
      '',
      'image:',
      '  # Where it is.',
      '  repository: homeostat',
      '# What it may use.',
      'resources:',
      '  limits: { memory: 1Gi }',
      '# Nothing.',
      'extra: []',
    ].join('\n');
    expect(chartValues(values)).toEqual([
      { path: 'replicas', default: '2', meaning: 'How many of them.' },
      { path: 'image.repository', default: '"homeostat"', meaning: 'Where it is.' },
      { path: 'resources', default: '{"limits":{"memory":"1Gi"}}', meaning: 'What it may use.' },
      { path: 'extra', default: '[]', meaning: 'Nothing.' },
    ]);
  });

  it('refuses a value that nobody explains', () => {
    expect(() => chartValues('# A.\na: 1\nb: { c: 2 }\n')).toThrow('must explain b.c');
  });

  it('refuses what is no map', () => {
    expect(() => chartValues('- a\n')).toThrow('must be a map');
  });
});

describe('chartReadme', () => {
  it('has every row of the table and no place left to fill', () => {
    const readme = chartReadme.files().get('README.md') ?? '';
    expect(readme).not.toContain('{{');
    expect(readme).toContain('| `maxMode` | `"Auto"` |');
  });
});
