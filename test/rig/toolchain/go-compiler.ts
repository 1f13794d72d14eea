// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';
import { ToolchainError } from './toolchain-error.ts';

/** Describes the Go compiler that builds a module. */
export interface GoCompiler {
  /** For example `go1.26.8`; part of the cache key. */
  readonly version: string;
}

/**
 * Returns the environment of every build: the user's, without what would change the result.
 * Module proxy, checksum and cache settings stay the user's.
 */
export const goEnvironment = (cgo: boolean): NodeJS.ProcessEnv => {
  const { GOOS: _os, GOARCH: _arch, GOFLAGS: _flags, ...rest } = process.env;
  return {
    ...rest,
    CGO_ENABLED: cgo ? '1' : '0',
    GOFLAGS: '-mod=readonly -buildvcs=false',
    GOWORK: 'off',
  };
};

/** Reads the lowest Go version that a go.mod accepts, for example `1.26.6`. */
const requiredGoVersion = async (moduleFolder: string): Promise<string> => {
  const text = await readFile(join(moduleFolder, 'go.mod'), 'utf8');
  return /^go (\S+)/m.exec(text)?.[1] ?? '1.26.0';
};

/** Compares two dotted versions; a missing or non-numeric part counts as 0. */
export const isOlder = (version: string, minimum: string): boolean => {
  const parts = (text: string) => text.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const have = parts(version);
  const want = parts(minimum);
  for (let index = 0; index < want.length; index++) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
};

/**
 * Finds the Go compiler that would build the module. A Go that may switch toolchains by itself
 * (GOTOOLCHAIN) does so here. Throws a ToolchainError that says what to install.
 */
export const findGo = async (moduleFolder: string, wanted: string): Promise<GoCompiler> => {
  const minimum = await requiredGoVersion(moduleFolder);
  const remedy = `Install Go ${minimum} or newer (https://go.dev/doc/install) and put it first in PATH, or point KUBEBUILDER_ASSETS to a folder that already holds the binaries.`;
  const result = await runCommand('go', ['env', 'GOVERSION'], {
    cwd: moduleFolder,
    env: goEnvironment(false),
  });
  if (result.code === 127) {
    throw new ToolchainError(`${wanted} must be built, but there is no \`go\` in PATH. ${remedy}`);
  }
  const version = result.stdout.trim();
  if (result.code !== 0 || isOlder(version.replace(/^go/, ''), minimum)) {
    const found = version === '' ? result.stderr.trim() : version;
    throw new ToolchainError(
      `${wanted} must be built, but the Go in PATH is too old (${found}). ${remedy}`,
    );
  }
  return { version };
};
