// SPDX-License-Identifier: Apache-2.0
// Gives every other part of the rig the programs it runs: from KUBEBUILDER_ASSETS, else from the
// cache, else by building them once. Never rebuilds what the cache has under the same key.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BinaryName, binaries, binaryNames } from './binaries.ts';
import { type BuildBatch, batchesOf, buildBatch, removeAbandonedBuilds } from './build.ts';
import { withLock } from './build-lock.ts';
import { cacheFolder, findCached, isRunnable, modulesFolder } from './cache.ts';
import { requireCompilerPackages } from './debian.ts';
import { findGo } from './go-compiler.ts';
import { BuildEstimate, type BuildEvent } from './progress.ts';
import { ToolchainError } from './toolchain-error.ts';

/** Configures how binaries are found and built. */
export interface EnsureOptions {
  readonly onProgress?: ((event: BuildEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Maps each requested binary to its absolute path. */
export type BinaryPaths<Name extends BinaryName = BinaryName> = Readonly<Record<Name, string>>;

type FoundPaths = Map<BinaryName, string>;

const findInAssets = async (names: readonly BinaryName[], found: FoundPaths): Promise<void> => {
  const folder = process.env['KUBEBUILDER_ASSETS'];
  if (folder === undefined || folder === '') return;
  const isFolder = await stat(folder).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    throw new ToolchainError(
      `\`KUBEBUILDER_ASSETS\` must be a folder that holds etcd, kube-apiserver and kubectl; ${folder} is none.`,
    );
  }
  for (const name of names) {
    const path = join(folder, name);
    if (await isRunnable(path)) found.set(name, path);
  }
};

const goVersionOf = async (name: BinaryName, allMissing: string): Promise<string> => {
  const { version } = await findGo(join(modulesFolder, binaries[name].module), allMissing);
  return version;
};

/** Looks into the cache; without Go any compiler's build will do, with Go only the present one's. */
const findInCache = async (
  names: readonly BinaryName[],
  found: FoundPaths,
): Promise<readonly BinaryName[]> => {
  const versions = new Map<string, string | undefined>();
  for (const name of names) {
    if (found.has(name)) continue;
    const { module } = binaries[name];
    if (!versions.has(module)) {
      versions.set(module, await goVersionOf(name, name).catch(() => undefined));
    }
    const path = await findCached(name, versions.get(module));
    if (path !== undefined) found.set(name, path);
  }
  return names.filter((name) => !found.has(name));
};

const buildAll = async (
  batches: readonly BuildBatch[],
  missing: readonly BinaryName[],
  { onProgress, signal }: EnsureOptions,
): Promise<void> => {
  const estimate = new BuildEstimate(missing);
  for (const batch of batches) {
    const open = new Set(batch.names);
    const goVersion = await goVersionOf(batch.names[0] as BinaryName, missing.join(', '));
    if (batch.names.some((name) => binaries[name].cgo)) await requireCompilerPackages();
    const tick = () => {
      const { elapsedSeconds, leftSeconds } = estimate;
      onProgress?.({ kind: 'building', names: [...open], elapsedSeconds, leftSeconds });
    };
    onProgress?.({
      kind: 'building',
      names: batch.names,
      elapsedSeconds: estimate.elapsedSeconds,
      leftSeconds: estimate.leftSeconds,
    });
    const timer = setInterval(tick, 1000);
    const onBuilt = (name: BinaryName) => {
      open.delete(name);
      const seconds = estimate.finish(name);
      onProgress?.({ kind: 'built', name, seconds, leftSeconds: estimate.leftSeconds });
    };
    try {
      await buildBatch(batch, { cache: cacheFolder(), goVersion, signal, onBuilt });
    } finally {
      clearInterval(timer);
    }
  }
};

/**
 * Returns the absolute path of each named binary, and builds what is in neither
 * `KUBEBUILDER_ASSETS` nor the cache. While another process builds, it waits. Throws a
 * ToolchainError that says what to install, and rejects when `signal` aborts.
 */
export const ensureBinaries = async <Name extends BinaryName>(
  names: readonly Name[],
  options: EnsureOptions = {},
): Promise<BinaryPaths<Name>> => {
  const wanted = binaryNames.filter((name) => (names as readonly BinaryName[]).includes(name));
  const found: FoundPaths = new Map();
  await findInAssets(wanted, found);
  const missing = await findInCache(wanted, found);
  if (missing.length > 0) {
    await goVersionOf(missing[0] as BinaryName, missing.join(', '));
    const lock = {
      signal: options.signal,
      onWait: ({ pid }: { pid: number }) => options.onProgress?.({ kind: 'waiting', pid }),
    };
    await withLock(join(cacheFolder(), 'toolchain.lock'), lock, async () => {
      await removeAbandonedBuilds(cacheFolder());
      const still = await findInCache(missing, found);
      await buildAll(batchesOf(still), still, options);
    });
    await findInCache(missing, found);
  }
  return Object.fromEntries(
    names.map((name) => [name, found.get(name)]),
  ) as unknown as BinaryPaths<Name>;
};
