// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Generator } from './generator.ts';

/** How a generated file differs from the one that lies in the project. */
export interface Difference {
  /** Path relative to the project. */
  readonly path: string;
  readonly kind: 'missing' | 'stale' | 'changed';
  /** For people: of `changed` the first line that differs, and how many do. */
  readonly summary: string;
}

const readIfThere = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
};

const changed = (path: string, before: string, after: string): Difference => {
  const [old, fresh] = [before.split('\n'), after.split('\n')];
  const at = fresh.findIndex((line, i) => line !== old[i]);
  const first = at === -1 ? fresh.length : at;
  const kept = new Set(old);
  const added = fresh.filter((line) => !kept.has(line)).length;
  const removed = old.filter((line) => !new Set(fresh).has(line)).length;
  const summary = `line ${first + 1}: has ${JSON.stringify(old[first] ?? '')}, should be ${JSON.stringify(fresh[first] ?? '')} (+${added} -${removed} lines)`;
  return { path, kind: 'changed', summary };
};

/** Compares what a generator makes with what lies in the project at `root`. */
export const differences = async (
  generator: Generator,
  root: string,
): Promise<readonly Difference[]> => {
  const found: Difference[] = [];
  const files = generator.files();
  for (const [name, content] of files) {
    const path = join(generator.folder, name);
    const before = await readIfThere(join(root, path));
    if (before === null) found.push({ path, kind: 'missing', summary: 'does not exist' });
    else if (before !== content) found.push(changed(path, before, content));
  }
  for (const name of await namesIn(join(root, generator.folder))) {
    if (name.endsWith(generator.suffix) && !files.has(name)) {
      const path = join(generator.folder, name);
      found.push({ path, kind: 'stale', summary: 'is not generated any more' });
    }
  }
  return found;
};

/** Writes what differs and removes what is stale; returns what was done. */
export const generate = async (
  generator: Generator,
  root: string,
): Promise<readonly Difference[]> => {
  const found = await differences(generator, root);
  const files = generator.files();
  await mkdir(join(root, generator.folder), { recursive: true });
  for (const { path, kind } of found) {
    if (kind === 'stale') await rm(join(root, path));
    else {
      const name = path.slice(generator.folder.length + 1);
      await writeFile(join(root, path), files.get(name) as string);
    }
  }
  return found;
};
