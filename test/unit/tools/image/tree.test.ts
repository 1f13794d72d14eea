// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, asyncProperty, constantFrom, dictionary, record, string } from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { completeTree, type TarEntry } from '../../../../tools/image/tar.ts';
import { readTree, writeTree } from '../../../../tools/image/tree.ts';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'homeostat-tree-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

/** What a tree says, with the bytes instead of where they come from. */
const spelled = (entries: readonly TarEntry[]): Promise<readonly object[]> =>
  Promise.all(
    completeTree(entries).map(async (entry) => {
      if ('linkTo' in entry) return { path: entry.path, linkTo: entry.linkTo };
      if ('directory' in entry) return { path: entry.path, mode: entry.mode ?? 0o755 };
      const content = 'from' in entry ? await readFile(entry.from) : Buffer.from(entry.content);
      return { path: entry.path, mode: entry.mode ?? 0o644, text: content.toString('hex') };
    }),
  );

describe('writeTree and readTree', () => {
  it('bring back every file with its bytes and mode, whatever the umask', async () => {
    const names = constantFrom('a', 'b', 'lib/x', 'lib/y', 'usr/bin/z', 'usr/share/deep/er');
    const file = record({ mode: constantFrom(0o644, 0o755, 0o600, 0o777), content: string() });
    const umask = process.umask(0o077);
    try {
      await assert(
        asyncProperty(dictionary(names, file), async (files) => {
          const entries = Object.entries(files).map(([path, rest]) => ({ path, ...rest }));
          const folder = join(scratch, 'tree');
          await writeTree(folder, entries);
          expect(await spelled(await readTree(folder))).toEqual(await spelled(entries));
        }),
        { numRuns: 30, seed: 4 },
      );
    } finally {
      process.umask(umask);
    }
  });

  it('leave nothing of what was in the folder', async () => {
    await writeTree(scratch, [{ path: 'old', content: 'x' }]);
    await writeTree(scratch, [{ path: 'new', content: 'y' }]);
    expect((await readTree(scratch)).map(({ path }) => path)).toEqual(['new']);
  });

  it('keep links as links, also those that lead nowhere', async () => {
    await writeTree(scratch, [{ path: 'lib64/ld.so', linkTo: '../absent' }]);
    expect(await spelled(await readTree(scratch))).toEqual([
      { path: 'lib64', mode: 0o755 },
      { path: 'lib64/ld.so', linkTo: '../absent' },
    ]);
  });

  it('copy a file with the mode that is asked for, not that of the source', async () => {
    const from = join(scratch, 'source');
    await writeFile(from, 'x', { mode: 0o600 });
    await writeTree(join(scratch, 'tree'), [{ path: 'copy', from, mode: 0o755 }]);
    expect(await readTree(join(scratch, 'tree'))).toMatchObject([{ path: 'copy', mode: 0o755 }]);
  });
});
