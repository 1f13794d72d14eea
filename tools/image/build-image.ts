// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { type PackedArchive, packOciArchive } from './oci-archive.ts';
import { operatorImage, operatorTree } from './operator-image.ts';
import { readTree, writeTree } from './tree.ts';

const root = join(import.meta.dirname, '../..');

/** Is where the file tree of the image is assembled, and what the Dockerfile copies. */
const IMAGE_FOLDER = join(root, 'dist/image');

/** Assembles the file tree of the image and returns its folder. */
export const assembleTree = async (folder = IMAGE_FOLDER): Promise<string> => {
  await writeTree(folder, await operatorTree());
  return folder;
};

/** Assembles the tree and packs what lies there as an OCI archive beside it. */
export const packImageArchive = async (folder = IMAGE_FOLDER): Promise<PackedArchive> => {
  await assembleTree(folder);
  const image = operatorImage(await readTree(folder));
  return packOciArchive(image, `${folder}.oci.tar`);
};
