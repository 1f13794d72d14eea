// SPDX-License-Identifier: Apache-2.0
// tree: assembles the file tree of the image below dist/image.
// archive: packs it as the OCI archive dist/image.oci.tar, for `ctr images import`, `podman load`,
// `docker load` (25 and later) and skopeo.
import { relative } from 'node:path';
import { assembleTree, packImageArchive } from './build-image.ts';

const fromHere = (path: string): string => relative(process.cwd(), path) || path;

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

const commands: Readonly<Record<string, () => Promise<void>>> = {
  tree: async () => {
    console.log(`the file tree of the image is in ${fromHere(await assembleTree())}`);
  },
  archive: async () => {
    const { path, image, digest, bytes } = await packImageArchive();
    console.log(`${image} is in ${fromHere(path)} (${mebibytes(bytes)})\n${digest}`);
  },
};

const command = commands[process.argv[2] ?? ''];
if (command === undefined) {
  console.error(`usage: tools/image/main.ts ${Object.keys(commands).join('|')}`);
  process.exit(2);
}
await command();
