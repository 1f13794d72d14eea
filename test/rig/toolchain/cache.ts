// SPDX-License-Identifier: Apache-2.0
// Where built binaries live, and under which key:
//
//   CACHE/toolchain/NAME-VERSION-INPUTS/GOVERSION/NAME
//
// INPUTS is a hash over everything but the compiler that decides the result. The compiler has a
// level of its own, so that a machine without Go can still use what an earlier one built.
import { createHash } from 'node:crypto';
import { access, constants, readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type BinaryName, type BinaryRecipe, binaries } from './binaries.ts';

/** Is the folder that holds one Go module per sub-folder. */
export const modulesFolder = join(import.meta.dirname, 'modules');

/** Returns the cache folder: `HOMEOSTAT_CACHE`, else the XDG cache, else `~/.cache/homeostat`. */
export const cacheFolder = (env: NodeJS.ProcessEnv = process.env): string => {
  if (env['HOMEOSTAT_CACHE']) return env['HOMEOSTAT_CACHE'];
  if (env['XDG_CACHE_HOME']) return join(env['XDG_CACHE_HOME'], 'homeostat');
  return join(homedir(), '.cache', 'homeostat');
};

/** Holds what decides the bytes of a binary, the compiler apart. */
export interface BuildInputs {
  readonly recipe: BinaryRecipe;
  readonly goMod: string;
  readonly goSum: string;
  readonly platform: string;
}

/** Returns the hash over all build inputs, 16 hexadecimal digits. */
export const inputsHash = ({ recipe, goMod, goSum, platform }: BuildInputs): string => {
  const { roughSeconds: _rough, group: _group, ...decisive } = recipe;
  return createHash('sha256')
    .update(JSON.stringify([decisive, goMod, goSum, platform]))
    .digest('hex')
    .slice(0, 16);
};

/** Returns the folder of all builds of a binary with these inputs, one sub-folder a Go version. */
export const entryFolder = async (name: BinaryName, cache = cacheFolder()): Promise<string> => {
  const recipe = binaries[name];
  const folder = join(modulesFolder, recipe.module);
  const [goMod, goSum] = await Promise.all([
    readFile(join(folder, 'go.mod'), 'utf8'),
    readFile(join(folder, 'go.sum'), 'utf8'),
  ]);
  const platform = `${process.platform}-${process.arch}`;
  const hash = inputsHash({ recipe, goMod, goSum, platform });
  return join(cache, 'toolchain', `${name}-${recipe.version}-${hash}`);
};

/** Tells whether the file exists and may be run. */
export const isRunnable = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/**
 * Finds a cached binary: that of the given Go version or, when the version is unknown because
 * there is no Go, that of the latest one. Returns undefined when there is none.
 */
export const findCached = async (
  name: BinaryName,
  goVersion: string | undefined,
  cache = cacheFolder(),
): Promise<string | undefined> => {
  const folder = await entryFolder(name, cache);
  const versions =
    goVersion === undefined
      ? (await readdir(folder).catch(() => [])).sort().reverse()
      : [goVersion];
  for (const version of versions) {
    const path = join(folder, version, name);
    if (await isRunnable(path)) return path;
  }
  return undefined;
};
