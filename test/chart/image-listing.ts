// SPDX-License-Identifier: Apache-2.0
// What is in an image: as an archive has it, and as the last stage of a Dockerfile would make it.
import { join } from 'node:path';
import { readTree } from '../../tools/image/tree.ts';
import { runCommand } from '../rig/toolchain/run-command.ts';

/** The files of an image by path, each with its type and permission bits, for example `-rwxr-xr-x`. */
export type Listing = Readonly<Record<string, string>>;

/** What a runtime is told, as far as a Dockerfile and an archive both say it. */
export interface RuntimeConfig {
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

const mustRun = async (file: string, args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await runCommand(file, args, {
    env: { LC_ALL: 'C', ...process.env },
  });
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} failed: ${stderr}`);
  return stdout;
};

const blob = (archive: string, digest: string): Promise<string> =>
  mustRun('tar', ['-xOf', archive, `blobs/sha256/${digest.replace('sha256:', '')}`]);

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

const manifestOf = async (archive: string): Promise<Manifest> => {
  const index = JSON.parse(await mustRun('tar', ['-xOf', archive, 'index.json']));
  return JSON.parse(await blob(archive, index.manifests[0].digest)) as Manifest;
};

/** Lists the layers of an OCI archive, from the tar itself. */
export const archiveListing = async (archive: string): Promise<Listing> => {
  const { layers } = await manifestOf(archive);
  const files: Record<string, string> = {};
  for (const { digest } of layers) {
    const layer = `tar -xOf "$1" "blobs/sha256/$2" | tar -tv --numeric-owner`;
    const text = await mustRun('sh', ['-c', layer, 'sh', archive, digest.replace('sha256:', '')]);
    for (const line of text.trim().split('\n')) {
      const [mode = '', owner = '', , , , ...path] = line.split(/ +/);
      if (owner !== '0/0') throw new Error(`a file of the image must be root's: ${line}`);
      files[path.join(' ').replace(/\/$/, '')] = mode;
    }
  }
  return files;
};

/** Reads the runtime configuration of an OCI archive. */
export const archiveConfig = async (archive: string): Promise<RuntimeConfig> => {
  const { config } = JSON.parse(await blob(archive, (await manifestOf(archive)).config.digest));
  const env = (config.Env as readonly string[]).map((each) => each.split('=') as [string, string]);
  return {
    entrypoint: config.Entrypoint,
    user: config.User,
    workdir: config.WorkingDir,
    env: Object.fromEntries(env),
    labels: config.Labels,
  };
};

const bits = (mode: number): string =>
  [...'rwxrwxrwx'].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('');

/** What the last stage of a Dockerfile says. Throws when it does more than this reader understands. */
export const lastStage = (dockerfile: string): RuntimeConfig & { copies: readonly string[] } => {
  const lines = dockerfile.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const stage = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  if (stage[0] !== 'FROM scratch') throw new Error(`the last stage must be empty: ${stage[0]}`);
  const read = (word: string): readonly string[] =>
    stage.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const known = ['FROM', 'COPY', 'ENV', 'LABEL', 'WORKDIR', 'USER', 'ENTRYPOINT'];
  const strange = stage.filter((line) => !known.includes(line.split(' ')[0] as string));
  if (strange.length > 0) throw new Error(`not understood: ${strange.join('; ')}`);
  const pairs = (word: string) =>
    Object.fromEntries(read(word).map((each) => each.split('=') as [string, string]));
  return {
    copies: read('COPY'),
    entrypoint: JSON.parse(read('ENTRYPOINT')[0] ?? '[]'),
    user: read('USER')[0] ?? '',
    workdir: read('WORKDIR')[0] ?? '/',
    env: pairs('ENV'),
    labels: pairs('LABEL'),
  };
};

/** Lists what `COPY --from=build /src/FOLDER/ /` puts into an empty image, with the folder as built here. */
export const copyListing = async (copies: readonly string[], root: string): Promise<Listing> => {
  const files: Record<string, string> = {};
  for (const copy of copies) {
    const folder = /^--from=build \/src\/(\S+)\/ \/$/.exec(copy)?.[1];
    if (folder === undefined) throw new Error(`not understood: COPY ${copy}`);
    for (const entry of await readTree(join(root, folder))) {
      if ('linkTo' in entry) files[entry.path] = 'lrwxrwxrwx';
      else files[entry.path] = `${'directory' in entry ? 'd' : '-'}${bits(entry.mode ?? 0)}`;
    }
  }
  return files;
};
