// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeAppImage } from './node-app-image.ts';
import { imageKey, packImage } from './pack-image.ts';
import { PAUSE_IMAGE, pauseImage } from './pause-image.ts';

let cache: string;

/** To change the root takes root; the real node's own tests run the image in any case. */
const isRoot = process.getuid?.() === 0;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'homeostat-images-'));
});
afterEach(async () => {
  await rm(cache, { recursive: true, force: true });
});

const example = {
  name: 'example:1',
  tree: [{ path: 'a', content: 'one' }],
  entrypoint: ['/a'],
} as const;

/** Unpacks archive and layer with the system's tar into a root file system. */
const unpackedRoot = async (archive: string): Promise<string> => {
  const image = await mkdtemp(join(cache, 'image-'));
  const root = await mkdtemp(join(cache, 'root-'));
  execFileSync('tar', ['--warning=no-timestamp', '-xf', archive, '-C', image]);
  const index = JSON.parse(await readFile(join(image, 'index.json'), 'utf8'));
  const blob = (digest: string) => join(image, 'blobs', digest.replace(':', '/'));
  const manifest = JSON.parse(await readFile(blob(index.manifests[0].digest), 'utf8'));
  const layer = blob(manifest.layers[0].digest);
  execFileSync('tar', ['--warning=no-timestamp', '-xf', layer, '-C', root]);
  return root;
};

describe('packImage', () => {
  it('packs once, and again when the content of a source file changes', async () => {
    const source = join(cache, 'source');
    await writeFile(source, 'one');
    const image = { ...example, tree: [{ path: 'a', from: source }] };
    const first = await packImage(image, cache);
    const { mtimeMs } = await stat(first);
    expect(await packImage(image, cache)).toBe(first);
    expect((await stat(first)).mtimeMs).toBe(mtimeMs);
    await writeFile(source, 'two');
    expect(await packImage(image, cache)).not.toBe(first);
  });

  it('leaves nothing but the archive in the cache', async () => {
    await packImage(example, cache);
    const files = await readdir(join(cache, 'images'));
    expect(files).toEqual([expect.stringMatching(/^example_1-[0-9a-f]{16}\.tar$/)]);
  });
});

describe('imageKey', () => {
  it.each([
    ['the name', { ...example, name: 'example:2' }],
    ['content', { ...example, tree: [{ path: 'a', content: 'two' }] }],
    ['a permission', { ...example, tree: [{ path: 'a', content: 'one', mode: 0o755 }] }],
    ['a path', { ...example, tree: [{ path: 'b', content: 'one' }] }],
    ['the entrypoint', { ...example, entrypoint: ['/b'] }],
    ['the user', { ...example, user: '1' }],
  ])('changes with %s', async (_what, other) => {
    expect(await imageKey(other)).not.toBe(await imageKey(example));
  });

  it('does not depend on the order of the tree', async () => {
    const tree = [...example.tree, { path: 'b', content: 'x' }];
    const reversed = { ...example, tree: [...tree].reverse() };
    expect(await imageKey(reversed)).toBe(await imageKey({ ...example, tree }));
  });
});

describe('pauseImage', () => {
  it('holds one static program, which ends on SIGTERM', async () => {
    const root = await unpackedRoot(await pauseImage(cache));
    expect(await readdir(root)).toEqual(['pause']);
    expect(PAUSE_IMAGE).toMatch(/^[a-z.]+\/[a-z/]+:\d+$/);
    // Fails unless the program ends by itself, with success, when it is asked to.
    const run = ['--preserve-status', '--signal=TERM', '0.2', join(root, 'pause')];
    expect(execFileSync('timeout', run).toString()).toBe('');
  });
});

describe('nodeAppImage', () => {
  it.skipIf(!isRoot)('runs its program in a root that holds only the image', async () => {
    const archive = await nodeAppImage(
      {
        name: 'app:1',
        files: [
          {
            path: '/app/main.ts',
            content: "const name: string = 'typed'; console.log(name, process.version);",
          },
        ],
        entrypoint: ['/app/main.ts'],
      },
      cache,
    );
    const root = await unpackedRoot(archive);
    expect((await readdir(root)).sort()).toEqual(
      expect.arrayContaining(['app', 'etc', 'tmp', 'usr']),
    );
    const output = execFileSync('chroot', [root, '/usr/local/bin/node', '/app/main.ts'], {
      env: { PATH: '/usr/sbin:/usr/bin' },
    });
    expect(output.toString()).toBe(`typed ${process.version}\n`);
  });
});
