// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Generator } from '../../../../tools/generate/generator.ts';
import { generators } from '../../../../tools/generate/index.ts';
import { differences, generate } from '../../../../tools/generate/run-generator.ts';

const generator = (files: Readonly<Record<string, string>>): Generator => ({
  id: 'demo',
  folder: 'out/demo',
  suffix: '.txt',
  files: () => new Map(Object.entries(files)),
});

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'generate-'));
});
afterEach(() => rm(root, { recursive: true }));

describe('generate', () => {
  it('writes what is missing, and then nothing differs', async () => {
    const demo = generator({ 'a.txt': 'one\n', 'b.txt': 'two\n' });
    expect((await generate(demo, root)).map(({ kind, path }) => [kind, path])).toEqual([
      ['missing', 'out/demo/a.txt'],
      ['missing', 'out/demo/b.txt'],
    ]);
    expect(await readFile(join(root, 'out/demo/a.txt'), 'utf8')).toBe('one\n');
    expect(await differences(demo, root)).toEqual([]);
    expect(await generate(demo, root)).toEqual([]);
  });

  it('removes what it made before, and nothing of others', async () => {
    await generate(generator({ 'a.txt': '', 'b.txt': '' }), root);
    await writeFile(join(root, 'out/demo/README.md'), 'by hand');
    const found = await generate(generator({ 'a.txt': '' }), root);
    expect(found).toMatchObject([{ kind: 'stale', path: 'out/demo/b.txt' }]);
    expect((await readdir(join(root, 'out/demo'))).toSorted()).toEqual(['README.md', 'a.txt']);
  });
});

describe('differences', () => {
  it('names the first line that differs and how many do, and writes nothing', async () => {
    await generate(generator({ 'a.txt': 'one\ntwo\nthree\n' }), root);
    const found = await differences(generator({ 'a.txt': 'one\n2\nthree\nfour\n' }), root);
    expect(found).toEqual([
      {
        path: 'out/demo/a.txt',
        kind: 'changed',
        summary: 'line 2: has "two", should be "2" (+2 -1 lines)',
      },
    ]);
    expect(await readFile(join(root, 'out/demo/a.txt'), 'utf8')).toBe('one\ntwo\nthree\n');
  });

  it('finds a change that only takes lines away', async () => {
    await generate(generator({ 'a.txt': 'one\ntwo' }), root);
    const [found] = await differences(generator({ 'a.txt': 'one' }), root);
    expect(found?.summary).toBe('line 2: has "two", should be "" (+0 -1 lines)');
  });
});

describe('the registered generators', () => {
  const project = join(import.meta.dirname, '../../../..');

  it('are sorted by unique ids and do not share a folder', () => {
    const ids = generators.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].toSorted());
    const places = generators.map(({ folder, suffix }) => `${folder}/*${suffix}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it.each(generators.map((each) => [each.id, each] as const))(
    '%s is deterministic, and what lies in the project is what it makes',
    async (_, each) => {
      expect([...each.files()]).toEqual([...each.files()]);
      expect(each.files().size).toBeGreaterThan(0);
      expect(await differences(each, project)).toEqual([]);
    },
  );
});
