// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  completeTree,
  normalizePath,
  type TarEntry,
  tarChunks,
  writeChunks,
} from '../../../../tools/image/tar.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeostat-tar-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const pack = async (entries: readonly TarEntry[]): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tarChunks(completeTree(entries))) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** The oracle: what the system's own tar makes of the archive. */
const unpack = async (archive: Buffer, into = folder): Promise<void> => {
  const file = join(folder, 'archive.tar');
  await writeFile(file, archive);
  execFileSync('tar', ['--warning=no-timestamp', '-xf', file, '-C', into]);
};

describe('tarChunks', () => {
  it('keeps content, permissions and links through the tar of the system', async () => {
    const source = join(folder, 'source');
    await writeFile(source, Buffer.alloc(100_000, 'x'));
    await unpack(
      await pack([
        { path: '/bin/run', from: source, mode: 0o755 },
        { path: 'etc/name', content: 'grüß\n' },
        { path: 'tmp', directory: true, mode: 0o1777 },
        { path: 'lib', linkTo: 'usr/lib' },
      ]),
    );
    expect((await stat(join(folder, 'bin/run'))).mode & 0o7777).toBe(0o755);
    expect((await readFile(join(folder, 'bin/run'))).equals(await readFile(source))).toBe(true);
    expect(await readFile(join(folder, 'etc/name'), 'utf8')).toBe('grüß\n');
    expect((await stat(join(folder, 'tmp'))).mode & 0o7777).toBe(0o1777);
    expect(await readlink(join(folder, 'lib'))).toBe('usr/lib');
  });

  it('keeps any path and any bytes when the tar of the system unpacks them', async () => {
    const part = fc
      .stringMatching(/^[a-zäé][a-zäé ._-]{0,60}$/)
      .filter((text) => text.trim() === text);
    const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
    const files = fc.uniqueArray(fc.tuple(path, fc.uint8Array({ maxLength: 1500 })), {
      minLength: 1,
      maxLength: 6,
      // A file may not at the same time be a folder of another.
      comparator: (a, b) => `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`),
      selector: ([name]) => name,
    });
    await fc.assert(
      fc.asyncProperty(files, async (tree) => {
        const into = await mkdtemp(join(folder, 'case-'));
        await unpack(await pack(tree.map(([name, content]) => ({ path: name, content }))), into);
        for (const [name, content] of tree) {
          expect((await readFile(join(into, name))).equals(content)).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('gives the same bytes for the same tree in another order', async () => {
    const tree: readonly TarEntry[] = [
      { path: 'b/two', content: '2' },
      { path: 'a', content: '1' },
      { path: 'b/one', content: '1' },
    ];
    expect((await pack(tree)).equals(await pack([...tree].reverse()))).toBe(true);
  });

  it('says that a source file changed when it is shorter than it was', async () => {
    const source = join(folder, 'source');
    await writeFile(source, 'long content');
    const chunks = tarChunks([{ path: 'a', from: source }]);
    await chunks.next();
    await chunks.next();
    await writeFile(source, 'short');
    await expect(
      (async () => {
        for await (const _chunk of chunks);
      })(),
    ).rejects.toThrow(/must not change/);
  });
});

describe('completeTree', () => {
  it('adds each missing parent folder once, before what is in it', () => {
    const names = completeTree([
      { path: 'usr/lib/x', content: '' },
      { path: 'usr/bin/y', content: '' },
    ]).map((entry) => entry.path);
    expect(names).toEqual(['usr', 'usr/bin', 'usr/bin/y', 'usr/lib', 'usr/lib/x']);
  });

  it('refuses a path that is named twice', () => {
    expect(() =>
      completeTree([
        { path: 'a', content: '1' },
        { path: './a', content: '2' },
      ]),
    ).toThrow('"a" must be named only once');
  });

  it('refuses a file that would have to be a folder', () => {
    expect(() =>
      completeTree([
        { path: 'a', content: '1' },
        { path: 'a/b', content: '2' },
      ]),
    ).toThrow('"a" must be a folder, since "a/b" is inside it');
  });
});

describe('normalizePath', () => {
  it.each(['', '/', '.', '../etc', 'a/../../b'])('refuses %j, which is not inside', (path) => {
    expect(() => normalizePath(path)).toThrow('must name something inside the archive');
  });
});

describe('writeChunks', () => {
  it('hands each chunk to the observer and writes all of them', async () => {
    const seen: string[] = [];
    const chunks = (async function* () {
      yield Buffer.from('one ');
      yield Buffer.from('two');
    })();
    await writeChunks(join(folder, 'out'), chunks, (chunk) => seen.push(chunk.toString()));
    expect(seen).toEqual(['one ', 'two']);
    expect(await readFile(join(folder, 'out'), 'utf8')).toBe('one two');
  });
});
