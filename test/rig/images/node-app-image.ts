// SPDX-License-Identifier: Apache-2.0
// An image for programs in JavaScript or erasable TypeScript: Node 24, the libraries it is linked
// to, and as much of /etc as a program asks for. No shell, no certificates.
import { NODE_PATH, nodeRuntime } from '../../../tools/image/node-runtime.ts';
import type { TarEntry } from '../../../tools/image/tar.ts';
import { cacheFolder } from '../toolchain/cache.ts';
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

/** Packs an image that runs the files with Node and returns the path of its archive. */
export const nodeAppImage = async (image: NodeAppImage, cache = cacheFolder()): Promise<string> =>
  packImage(
    {
      name: image.name,
      tree: [...(await nodeRuntime()), ...etc, ...image.files],
      entrypoint: [`/${NODE_PATH}`, ...image.entrypoint],
      env: image.env,
      user: image.user ?? '65532:65532',
      workdir: image.workdir,
    },
    cache,
  );
