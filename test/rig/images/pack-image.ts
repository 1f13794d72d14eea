// SPDX-License-Identifier: Apache-2.0
// Packs images for the real node as OCI archives, each once, into the cache folder.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type OciImage, packOciArchive } from '../../../tools/image/oci-archive.ts';
import { completeTree, type TarEntry } from '../../../tools/image/tar.ts';
import { cacheFolder } from '../toolchain/cache.ts';

/** Counts as an input of every archive: a change of the packing code must change the key. */
const PACKING_VERSION = 1;

const contentHash = async (entry: TarEntry): Promise<string> => {
  const hash = createHash('sha256');
  if ('content' in entry) hash.update(entry.content);
  if ('from' in entry) await pipeline(createReadStream(entry.from), hash);
  return hash.digest('hex');
};

/** Returns the cache key of an image: a hash over everything that decides the archive's bytes. */
export const imageKey = async (image: OciImage): Promise<string> => {
  const key = createHash('sha256');
  const { tree, ...rest } = image;
  key.update(JSON.stringify([PACKING_VERSION, rest]));
  for (const entry of completeTree(tree)) {
    const { content: _content, from: _from, ...attributes } = { content: '', from: '', ...entry };
    key.update(JSON.stringify([attributes, await contentHash(entry)]));
  }
  return key.digest('hex').slice(0, 16);
};

/**
 * Packs the image and returns the path of the archive. An archive that the cache has under the
 * same content is not packed again. Throws when a source file cannot be read.
 */
export const packImage = async (image: OciImage, cache = cacheFolder()): Promise<string> => {
  const folder = join(cache, 'images');
  const label = image.name.replaceAll(/[^A-Za-z0-9.-]+/g, '_');
  const path = join(folder, `${label}-${await imageKey(image)}.tar`);
  const known = await access(path).then(
    () => true,
    () => false,
  );
  if (known) return path;
  await mkdir(folder, { recursive: true });
  await packOciArchive(image, path);
  return path;
};
