// SPDX-License-Identifier: Apache-2.0
// A file tree on the disk and as tar entries, there and back.
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { completeTree, type TarEntry } from './tar.ts';

const writeEntry = async (folder: string, entry: TarEntry): Promise<void> => {
  const path = join(folder, entry.path);
  if ('linkTo' in entry) return symlink(entry.linkTo, path);
  if ('directory' in entry) await mkdir(path);
  else if ('content' in entry) await writeFile(path, entry.content);
  else await copyFile(entry.from, path);
  // Said again: what was made carries the umask of this machine, or the mode of its source.
  await chmod(path, entry.mode ?? ('directory' in entry ? 0o755 : 0o644));
};

/** Writes the entries below a folder, which is emptied first. Throws when one is named twice. */
export const writeTree = async (folder: string, entries: readonly TarEntry[]): Promise<void> => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const entry of completeTree(entries)) await writeEntry(folder, entry);
};

/** Reads what is below a folder as entries, owned by root. */
export const readTree = async (folder: string, below = ''): Promise<readonly TarEntry[]> => {
  const children = await readdir(join(folder, below), { withFileTypes: true });
  const entries = await Promise.all(
    children.map(async (child): Promise<readonly TarEntry[]> => {
      const path = join(below, child.name);
      const full = join(folder, path);
      if (child.isSymbolicLink()) return [{ path, linkTo: await readlink(full) }];
      const mode = (await stat(full)).mode & 0o7777;
      if (!child.isDirectory()) return [{ path, from: full, mode }];
      return [{ path, directory: true, mode }, ...(await readTree(folder, path))];
    }),
  );
  return entries.flat();
};
