// SPDX-License-Identifier: Apache-2.0
// An image for programs in JavaScript or erasable TypeScript: Node 24, the libraries it is linked
// to, and as much of /etc as a program asks for. No shell, no certificates.
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TarEntry } from '../../../tools/image/tar.ts';
import { cacheFolder } from '../toolchain/cache.ts';
import { runCommand } from '../toolchain/run-command.ts';
import { ToolchainError } from '../toolchain/toolchain-error.ts';
import { packImage } from './pack-image.ts';

/** Describes an image with a Node program. */
export interface NodeAppImage {
  /** Name and tag. */
  readonly name: string;
  /** Files of the program, with absolute paths in the image. */
  readonly files: readonly TarEntry[];
  /** Arguments of `node`: first the program, as an absolute path in the image. */
  readonly entrypoint: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** User; 65532 (nobody special, not root) when absent. */
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
}

const etc: readonly TarEntry[] = [
  {
    path: 'etc/passwd',
    content: 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n',
  },
  { path: 'etc/group', content: 'root:x:0:\nnonroot:x:65532:\n' },
  { path: 'etc/nsswitch.conf', content: 'passwd: files\ngroup: files\nhosts: files dns\n' },
  { path: 'tmp', directory: true, mode: 0o1777 },
];

/**
 * Returns the libraries that a program is linked to, each at the path where its loader looks for
 * it, as tree entries. Throws a ToolchainError when one of them is missing.
 */
export const linkedLibraries = async (program: string): Promise<readonly TarEntry[]> => {
  const { code, stdout, stderr } = await runCommand('ldd', [program]);
  if (code !== 0 || stdout.includes('not found')) {
    throw new ToolchainError(`libraries of ${program} are missing:\n${stdout}${stderr}`);
  }
  const paths = new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string));
  const entries: TarEntry[] = [];
  for (const path of paths) entries.push({ path, from: await realpath(path), mode: 0o755 });
  return entries;
};

/**
 * Returns the libraries that glibc loads only when a program looks up a name. Without the second
 * one `hosts: dns` of older versions would find nothing; newer ones have both built in.
 */
const nameServiceLibraries = (libraries: readonly TarEntry[]): Promise<readonly TarEntry[]> => {
  const libc = libraries.find((entry) => entry.path.endsWith('/libc.so.6'));
  if (libc === undefined) return Promise.resolve([]);
  return Promise.all(
    ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'].map(async (name) => {
      const path = join(dirname(libc.path), name);
      const from = await realpath(path).catch(() => undefined);
      return from === undefined ? [] : [{ path, from, mode: 0o755 }];
    }),
  ).then((found) => found.flat());
};

/** Returns the file tree of Node: its binary at /usr/local/bin/node, its libraries, /etc and /tmp. */
export const nodeTree = async (node = process.execPath): Promise<readonly TarEntry[]> => {
  const libraries = await linkedLibraries(node);
  const byPath = new Map(
    [...(await nameServiceLibraries(libraries)), ...libraries].map((entry) => [entry.path, entry]),
  );
  return [{ path: 'usr/local/bin/node', from: node, mode: 0o755 }, ...byPath.values(), ...etc];
};

/** Packs an image that runs the files with Node and returns the path of its archive. */
export const nodeAppImage = async (image: NodeAppImage, cache = cacheFolder()): Promise<string> =>
  packImage(
    {
      name: image.name,
      tree: [...(await nodeTree()), ...image.files],
      entrypoint: ['/usr/local/bin/node', ...image.entrypoint],
      env: image.env,
      user: image.user ?? '65532:65532',
      workdir: image.workdir,
    },
    cache,
  );
