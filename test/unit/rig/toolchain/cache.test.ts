// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { binaries } from '../../../rig/toolchain/binaries.ts';
import {
  type BuildInputs,
  cacheFolder,
  entryFolder,
  findCached,
  inputsHash,
} from '../../../rig/toolchain/cache.ts';

const valid: BuildInputs = {
  recipe: binaries.etcd,
  goMod: 'module x',
  goSum: 'a h1:b',
  platform: 'linux-x64',
};

describe('inputsHash', () => {
  it('is the same for the same inputs', () => {
    expect(inputsHash({ ...valid, recipe: { ...binaries.etcd } })).toBe(inputsHash(valid));
  });

  it.each<[string, BuildInputs]>([
    ['another go.mod', { ...valid, goMod: 'module y' }],
    ['another go.sum', { ...valid, goSum: 'a h1:c' }],
    ['another platform', { ...valid, platform: 'linux-arm64' }],
    ['another version', { ...valid, recipe: { ...binaries.etcd, version: 'v9' } }],
    ['other linker flags', { ...valid, recipe: { ...binaries.etcd, ldflags: '-s' } }],
    ['other tags', { ...valid, recipe: { ...binaries.etcd, tags: 'x' } }],
    ['cgo', { ...valid, recipe: { ...binaries.etcd, cgo: true } }],
    ['another package', { ...valid, recipe: { ...binaries.etcd, package: 'x' } }],
  ])('changes with %s', (_what, inputs) => {
    expect(inputsHash(inputs)).not.toBe(inputsHash(valid));
  });

  it('does not change with what has no influence on the binary', () => {
    const recipe = { ...binaries.etcd, roughSeconds: 1, group: 'tools' as const };
    expect(inputsHash({ ...valid, recipe })).toBe(inputsHash(valid));
  });
});

describe('cacheFolder', () => {
  it('prefers HOMEOSTAT_CACHE, then the XDG cache, then the home folder', () => {
    expect(cacheFolder({ HOMEOSTAT_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(cacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/homeostat');
    expect(cacheFolder({})).toMatch(/\/\.cache\/homeostat$/);
  });
});

describe('findCached', () => {
  let cache = '';
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'homeostat-cache-'));
  });
  afterEach(() => rm(cache, { recursive: true }));

  const put = async (goVersion: string, mode: number) => {
    const path = join(await entryFolder('etcd', cache), goVersion, 'etcd');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '');
    await chmod(path, mode);
    return path;
  };

  it('finds the build of the given Go version only', async () => {
    const path = await put('go1.26.8', 0o755);
    expect(await findCached('etcd', 'go1.26.8', cache)).toBe(path);
    expect(await findCached('etcd', 'go1.27.0', cache)).toBeUndefined();
  });

  it('takes any build when there is no Go to compare with', async () => {
    const path = await put('go1.26.8', 0o755);
    expect(await findCached('etcd', undefined, cache)).toBe(path);
  });

  it('ignores a file that cannot be run', async () => {
    await put('go1.26.8', 0o644);
    expect(await findCached('etcd', 'go1.26.8', cache)).toBeUndefined();
  });
});
