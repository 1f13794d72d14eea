// SPDX-License-Identifier: Apache-2.0
// The operator's image: what is in it and how it starts. The Dockerfile says the same for those who
// build with an engine; a test compares the two.
import { VERSION } from '../../src/version.ts';
import { bundle } from './bundle.ts';
import { NODE_PATH, nodeRuntime } from './node-runtime.ts';
import type { OciImage } from './oci-archive.ts';
import type { TarEntry } from './tar.ts';

/** Nobody special: a user that owns nothing. */
const USER = '65532';

const etc: readonly TarEntry[] = [
  {
    path: 'etc/passwd',
    content: `root:x:0:0:root:/:/sbin/nologin\nnonroot:x:${USER}:${USER}:nonroot:/:/sbin/nologin\n`,
  },
  { path: 'etc/group', content: `root:x:0:\nnonroot:x:${USER}:\n` },
];

/** Returns every file of the image: Node, its libraries, the bundle, and who `nonroot` is. */
export const operatorTree = async (): Promise<readonly TarEntry[]> => [
  ...etc,
  ...(await nodeRuntime()),
  ...(await bundle('app')),
];

/** Describes the operator's image over a tree. */
export const operatorImage = (tree: readonly TarEntry[]): OciImage => ({
  name: `homeostat:${VERSION}`,
  tree,
  entrypoint: [`/${NODE_PATH}`, '/app/main.mjs'],
  env: { NODE_ENV: 'production' },
  user: `${USER}:${USER}`,
  workdir: '/app',
  labels: {
    'org.opencontainers.image.title': 'homeostat',
    'org.opencontainers.image.version': VERSION,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  },
  architecture: process.arch === 'x64' ? 'amd64' : process.arch,
});
