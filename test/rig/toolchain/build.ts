// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BinaryName, binaries } from './binaries.ts';
import { entryFolder, isRunnable, modulesFolder } from './cache.ts';
import { goEnvironment } from './go-compiler.ts';
import { runCommand } from './run-command.ts';
import { ToolchainError } from './toolchain-error.ts';

const BUILDING = 'building-';

/** Holds binaries that one `go build` makes: same module, tags and flags. */
export interface BuildBatch {
  readonly names: readonly BinaryName[];
}

/** Groups binaries so that those of one module with equal flags share one `go build`. */
export const batchesOf = (names: readonly BinaryName[]): readonly BuildBatch[] => {
  const batches = new Map<string, BinaryName[]>();
  for (const name of names) {
    const { module, cgo, tags, ldflags } = binaries[name];
    const key = JSON.stringify([module, cgo, tags, ldflags]);
    const batch = batches.get(key);
    if (batch === undefined) batches.set(key, [name]);
    else batch.push(name);
  }
  return [...batches.values()].map((batch) => ({ names: batch }));
};

/** Returns the file name that `go build -o FOLDER/` gives to a package. */
export const outputName = (packagePath: string): string => {
  const parts = packagePath.split('/');
  const last = parts.at(-1) ?? packagePath;
  return /^v\d+$/.test(last) ? (parts.at(-2) ?? last) : last;
};

/** Removes what a build left that was killed; only the holder of the build lock may call it. */
export const removeAbandonedBuilds = async (cache: string): Promise<void> => {
  const parent = join(cache, 'toolchain');
  const names = await readdir(parent).catch(() => []);
  const abandoned = names.filter((name) => name.startsWith(BUILDING));
  await Promise.all(abandoned.map((name) => rm(join(parent, name), { recursive: true })));
};

/** Configures one build. */
export interface BuildOptions {
  readonly cache: string;
  readonly goVersion: string;
  readonly signal?: AbortSignal | undefined;
  /** Is called with each binary that the compiler has finished, at most once a second. */
  readonly onBuilt: (name: BinaryName) => void;
}

const reportFinished = (
  output: string,
  names: readonly BinaryName[],
  onBuilt: (name: BinaryName) => void,
): (() => Promise<void>) => {
  const open = new Set(names);
  return async () => {
    for (const name of open) {
      if (!(await isRunnable(join(output, outputName(binaries[name].package))))) continue;
      open.delete(name);
      onBuilt(name);
    }
  };
};

/**
 * Builds one batch and moves each result into the cache in one step. Throws a ToolchainError with
 * the end of the compiler's output when it fails; the compiler cache keeps what was done.
 */
export const buildBatch = async (
  { names }: BuildBatch,
  { cache, goVersion, signal, onBuilt }: BuildOptions,
): Promise<void> => {
  const first = binaries[names[0] as BinaryName];
  const parent = join(cache, 'toolchain');
  await mkdir(parent, { recursive: true });
  const output = await mkdtemp(join(parent, BUILDING));
  const report = reportFinished(output, names, onBuilt);
  const timer = setInterval(() => void report(), 1000);
  try {
    const packages = names.map((name) => binaries[name].package);
    const flags = ['-trimpath', '-tags', first.tags, '-ldflags', first.ldflags];
    const result = await runCommand('go', ['build', ...flags, '-o', `${output}/`, ...packages], {
      cwd: join(modulesFolder, first.module),
      env: goEnvironment(first.cgo),
      signal,
      // So that the compiler removes its own temporary folders.
      killSignal: 'SIGINT',
    });
    if (result.code !== 0) {
      throw new ToolchainError(
        `\`go build\` of ${names.join(', ')} failed:\n${tail(result.stderr)}`,
      );
    }
    await report();
    for (const name of names) {
      const target = join(await entryFolder(name, cache), goVersion, name);
      await mkdir(dirname(target), { recursive: true });
      await rename(join(output, outputName(binaries[name].package)), target);
    }
  } finally {
    clearInterval(timer);
    await rm(output, { recursive: true, force: true });
  }
};

const tail = (text: string): string => text.trim().split('\n').slice(-20).join('\n');
