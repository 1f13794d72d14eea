// SPDX-License-Identifier: Apache-2.0
// Writes tar archives whose bytes depend on nothing but their content: no clock, no owner of this
// machine, members in the order of their paths.
//
// Source: POSIX.1-2017, pax "ustar Interchange Format" and "pax Extended Header".
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** Describes one member of a tar archive; paths are relative, with `/` between their parts. */
export type TarEntry =
  | {
      readonly path: string;
      /** File on this machine whose bytes become the content. */
      readonly from: string;
      /** Permission bits; 0o644 when absent. */
      readonly mode?: number | undefined;
      readonly uid?: number | undefined;
      readonly gid?: number | undefined;
    }
  | {
      readonly path: string;
      readonly content: string | Uint8Array;
      /** Permission bits; 0o644 when absent. */
      readonly mode?: number | undefined;
      readonly uid?: number | undefined;
      readonly gid?: number | undefined;
    }
  | { readonly path: string; readonly linkTo: string }
  | {
      readonly path: string;
      readonly directory: true;
      /** Permission bits; 0o755 when absent. */
      readonly mode?: number | undefined;
      readonly uid?: number | undefined;
      readonly gid?: number | undefined;
    };

const BLOCK = 512;
const NAME_BYTES = 100;
/** Highest size that eleven octal digits can say: 8 GiB less one byte. */
const MAX_SIZE = 8 ** 11 - 1;

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/**
 * Returns the path without leading `./` or `/` and without a trailing `/`. Throws when it is empty
 * or has a part `..`, since such a member would be unpacked somewhere else.
 */
export const normalizePath = (path: string): string => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..')) {
    throw new Error(`tar member path must name something inside the archive, not "${path}"`);
  }
  return parts.join('/');
};

interface Header {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly type: '0' | '2' | '5' | 'x';
  readonly link: string;
}

const header = ({ name, mode, uid, gid, size, type, link }: Header): Buffer => {
  if (size > MAX_SIZE) throw new Error(`tar member "${name}" must be smaller than 8 GiB`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number) =>
    block.write(value.toString(8).padStart(digits, '0'), offset);
  block.write(name, 0, NAME_BYTES);
  octal(mode, 100, 7);
  octal(uid, 108, 7);
  octal(gid, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(link, 157, NAME_BYTES);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
};

/** A pax record counts its own length, digits of the count included. */
const paxRecord = (key: string, value: string): string => {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
};

/** Long names go into an extended header before the member; the member itself keeps a stump. */
const extendedHeader = (name: string, link: string): Buffer => {
  const records = [
    ...(Buffer.byteLength(name) > NAME_BYTES ? [paxRecord('path', name)] : []),
    ...(Buffer.byteLength(link) > NAME_BYTES ? [paxRecord('linkpath', link)] : []),
  ].join('');
  if (records === '') return Buffer.alloc(0);
  const body = Buffer.from(records);
  const head = { name: 'pax', mode: 0o644, uid: 0, gid: 0, size: body.length, link: '' };
  return Buffer.concat([header({ ...head, type: 'x' }), body, padding(body.length)]);
};

const headOf = async (entry: TarEntry): Promise<Header> => {
  const name = normalizePath(entry.path);
  if ('linkTo' in entry) {
    return { name, mode: 0o777, uid: 0, gid: 0, size: 0, type: '2', link: entry.linkTo };
  }
  const owner = { uid: entry.uid ?? 0, gid: entry.gid ?? 0, link: '' };
  if ('directory' in entry) {
    return { ...owner, name: `${name}/`, mode: entry.mode ?? 0o755, size: 0, type: '5' };
  }
  const size =
    'content' in entry ? Buffer.byteLength(entry.content) : (await stat(entry.from)).size;
  return { ...owner, name, mode: entry.mode ?? 0o644, size, type: '0' };
};

async function* bodyOf(entry: TarEntry, size: number): AsyncGenerator<Uint8Array> {
  if ('content' in entry) yield Buffer.from(entry.content);
  if (!('from' in entry)) return;
  let seen = 0;
  for await (const chunk of createReadStream(entry.from)) {
    seen += (chunk as Buffer).length;
    yield chunk as Buffer;
  }
  if (seen !== size) throw new Error(`${entry.from} must not change while it is packed`);
}

/**
 * Completes a file tree: paths normalised, every parent folder present (mode 0755 when nobody
 * named it), sorted by path so that a folder comes before what is in it. Throws when two entries
 * have the same path.
 */
export const completeTree = (entries: readonly TarEntry[]): readonly TarEntry[] => {
  const byPath = new Map<string, TarEntry>();
  for (const entry of entries) {
    const path = normalizePath(entry.path);
    if (byPath.has(path)) throw new Error(`tar member "${path}" must be named only once`);
    byPath.set(path, { ...entry, path });
  }
  for (const path of [...byPath.keys()]) {
    const parts = path.split('/');
    for (let length = 1; length < parts.length; length += 1) {
      const parent = parts.slice(0, length).join('/');
      const known = byPath.get(parent);
      if (known === undefined) byPath.set(parent, { path: parent, directory: true });
      else if (!('directory' in known)) {
        throw new Error(`tar member "${parent}" must be a folder, since "${path}" is inside it`);
      }
    }
  }
  return [...byPath.values()].sort((a, b) => Buffer.from(a.path).compare(Buffer.from(b.path)));
};

/** Yields the bytes of a tar archive with these members in the order given. */
export async function* tarChunks(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const head = await headOf(entry);
    yield extendedHeader(head.name, head.link);
    yield header(head);
    yield* bodyOf(entry, head.size);
    yield padding(head.size);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** Writes the chunks to a file, waiting for each, and calls `onChunk` with each before that. */
export const writeChunks = async (
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  onChunk: (chunk: Uint8Array) => void = () => undefined,
): Promise<void> => {
  const file = await open(path, 'w');
  try {
    for await (const chunk of chunks) {
      onChunk(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
};
