// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import type { Generator } from './generator.ts';

const chart = join(import.meta.dirname, '../../charts/homeostat');

/** One value of the chart. */
export interface ChartValue {
  /** Place, for example `image.repository`. */
  readonly path: string;
  /** JSON of the default. */
  readonly default: string;
  readonly meaning: string;
}

/** The comment before a key: the first key of a map has it on the map. */
const commentOf = (pair: Pair, map: YAMLMap, isFirst: boolean): string => {
  const key = isScalar(pair.key) ? (pair.key.commentBefore ?? '') : '';
  const before = isFirst && key === '' ? (map.commentBefore ?? '') : key;
  return before.replaceAll(/\s*\n\s*/g, ' ').trim();
};

const rowsOf = (map: YAMLMap, path: readonly string[]): readonly ChartValue[] =>
  map.items.flatMap((pair, index): readonly ChartValue[] => {
    const at = [...path, String(isScalar(pair.key) ? pair.key.value : pair.key)];
    const meaning = commentOf(pair, map, index === 0);
    // A group without a comment of its own is told by its members; one with a comment is one value.
    if (isMap(pair.value) && pair.value.items.length > 0 && meaning === '') {
      return rowsOf(pair.value, at);
    }
    const value: unknown = isMap(pair.value) || pair.value !== null ? toJson(pair.value) : null;
    return [{ path: at.join('.'), default: JSON.stringify(value), meaning }];
  });

const toJson = (node: unknown): unknown =>
  typeof node === 'object' && node !== null && 'toJSON' in node
    ? (node as { toJSON(): unknown }).toJSON()
    : node;

/**
 * Reads the values with their comments, in the order of the file. Throws when one has no comment: what
 * nobody explains nobody can set.
 */
export const chartValues = (valuesYaml: string): readonly ChartValue[] => {
  const { contents } = parseDocument(valuesYaml);
  if (!isMap(contents)) throw new Error('values.yaml must be a map');
  const rows = rowsOf(contents as YAMLMap, []);
  const silent = rows.filter(({ meaning }) => meaning === '').map(({ path }) => path);
  if (silent.length > 0) throw new Error(`values.yaml must explain ${silent.join(', ')}`);
  return rows;
};

const cell = (text: string): string => text.replaceAll('|', '\\|');

const valuesTable = (rows: readonly ChartValue[]): string =>
  [
    '| Value | Default | Meaning |',
    '| --- | --- | --- |',
    ...rows.map((row) => `| \`${row.path}\` | \`${cell(row.default)}\` | ${cell(row.meaning)} |`),
  ].join('\n');

const PLACE = '{{ values }}';

/** Generates the chart's README: the text of README.tmpl.md with the table of values. */
export const chartReadme: Generator = {
  id: 'chart-readme',
  folder: 'charts/homeostat',
  suffix: 'README.md',
  files: () => {
    const template = readFileSync(join(chart, 'README.tmpl.md'), 'utf8');
    if (!template.includes(PLACE)) throw new Error(`README.tmpl.md must have ${PLACE}`);
    const table = valuesTable(chartValues(readFileSync(join(chart, 'values.yaml'), 'utf8')));
    return new Map([['README.md', template.replace(PLACE, () => table)]]);
  },
};
