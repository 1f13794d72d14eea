// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { projectFiles, textOf } from './markdown.ts';

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type) ([\w$]+)/;
/** Between a doc comment and what it tells of. */
const BETWEEN = /^\s*\/\/ biome-ignore /;

/** Names the exports of a source without a doc comment right before them. */
const undocumented = (source: string): readonly string[] => {
  const lines = source.split('\n');
  return lines.flatMap((line, index) => {
    const name = EXPORT.exec(line)?.[1];
    if (name === undefined) return [];
    let before = index - 1;
    while (BETWEEN.test(lines[before] ?? '')) before -= 1;
    return /\*\/\s*$/.test(lines[before] ?? '') ? [] : [`${name} (line ${index + 1})`];
  });
};

describe('undocumented', () => {
  it('finds an export without a comment and none with one', () => {
    const source = [
      '/** Says. */',
      'export const said = 1;',
      'export const silent = 2;',
      '// not a doc comment',
      'export async function quiet() {}',
      '/**',
      ' * Says.',
      ' */',
      '// biome-ignore lint/a/b: reason',
      'export class Told {}',
      'export type Bare = string;',
      'export interface Empty {}',
      'const inner = 3;',
    ].join('\n');
    expect(undocumented(source)).toEqual([
      'silent (line 3)',
      'quiet (line 5)',
      'Bare (line 11)',
      'Empty (line 12)',
    ]);
  });
});

describe('every export of src', () => {
  it('has a doc comment', () => {
    const files = projectFiles(/^src\/.*\.tsx?$/);
    expect(files.length).toBeGreaterThan(150);
    const misses = files.flatMap((path) =>
      undocumented(textOf(path)).map((name) => `${path}: ${name}`),
    );
    expect(misses).toEqual([]);
  });
});
